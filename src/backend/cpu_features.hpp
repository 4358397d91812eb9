// Does this CPU have the instructions that the program was compiled for? Asked before main, so that
// the answer is a sentence and not an illegal instruction.
#pragma once

#include <cstddef>

namespace jespr {

/// Extensions of the x86-64 instruction set that the compiler may use by itself.
enum CpuFeature : unsigned {
  cpu_sse4_2,
  cpu_popcnt,
  cpu_avx,
  cpu_fma,
  cpu_avx2,
  cpu_bmi2,
  cpu_avx512f,
  cpu_avx512bw,
  cpu_avx512dq,
  cpu_avx512vl,
  cpu_avx512vnni,
  cpu_avx512bf16,
  cpu_feature_count
};

/// A set of them: bit i stands for CpuFeature(i). Empty on other processors.
using CpuFeatures = unsigned;

/// What the program was compiled for (all files but cpu_features.cpp).
extern const CpuFeatures required_cpu_features;

/// What the CPU that runs this has and the operating system lets us use.
CpuFeatures present_cpu_features();

/// Writes into `text` (cut to `capacity` bytes) what of `required` is not in `present` and what to
/// do. Returns false, and leaves `text` alone, when nothing is missing.
bool explain_missing_cpu_features(CpuFeatures required, CpuFeatures present, char* text,
                                  std::size_t capacity);

}  // namespace jespr
