// Does this CPU have the instructions that the program was compiled for? Asked before main, so that
// the answer is a sentence and not an illegal instruction.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu_feature_list.hpp"

namespace jespr {

/// Extensions of the x86-64 instruction set that the compiler may use by itself.
enum CpuFeature : unsigned {
#define JESPR_NAME(name, macro, text) cpu_##name,
  JESPR_CPU_FEATURES(JESPR_NAME)
#undef JESPR_NAME
      cpu_feature_count
};

/// A set of them: bit i stands for CpuFeature(i). Empty on other processors.
using CpuFeatures = std::uint64_t;
static_assert(cpu_feature_count <= 64);

/// The set of this feature alone, or the empty one. Static: cpu_features.cpp must have its own
/// copy, compiled for the oldest CPU.
static constexpr CpuFeatures cpu_bit(CpuFeature feature, bool there = true) {
  return static_cast<CpuFeatures>(there) << feature;
}

/// What the program was compiled for (all files but cpu_features.cpp).
extern const CpuFeatures required_cpu_features;

/// What the CPU that runs this has and the operating system lets us use.
CpuFeatures present_cpu_features();

/// Writes into `text` (cut to `capacity` bytes) what of `required` is not in `present` and what to
/// do. Returns false, and leaves `text` alone, when nothing is missing.
bool explain_missing_cpu_features(CpuFeatures required, CpuFeatures present, char* text,
                                  std::size_t capacity);

}  // namespace jespr
