// Checks the CPU before main. Compiled for the oldest CPU, unlike everything else; so it uses
// nothing of the C++ library, whose inline functions the linker might take from another file.
#include "backend/cpu_features.hpp"

#include <stdio.h>
#include <stdlib.h>

namespace jespr {
namespace {

constexpr const char* names[cpu_feature_count] = {
    "sse4.2",  "popcnt",   "avx",      "fma",      "avx2",       "bmi2",
    "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni", "avx512bf16"};

// Runs before the constructors of all other files, which may use newer instructions.
__attribute__((constructor(101))) void check_cpu() {
  char text[512];
  if (!explain_missing_cpu_features(required_cpu_features, present_cpu_features(), text,
                                    sizeof text))
    return;
  fputs(text, stderr);
  _Exit(1);  // Exit::runtime
}

}  // namespace

CpuFeatures present_cpu_features() {
  CpuFeatures set = 0;
#ifdef __x86_64__
  __builtin_cpu_init();
  set |= __builtin_cpu_supports("sse4.2") ? 1u << cpu_sse4_2 : 0;
  set |= __builtin_cpu_supports("popcnt") ? 1u << cpu_popcnt : 0;
  set |= __builtin_cpu_supports("avx") ? 1u << cpu_avx : 0;
  set |= __builtin_cpu_supports("fma") ? 1u << cpu_fma : 0;
  set |= __builtin_cpu_supports("avx2") ? 1u << cpu_avx2 : 0;
  set |= __builtin_cpu_supports("bmi2") ? 1u << cpu_bmi2 : 0;
  set |= __builtin_cpu_supports("avx512f") ? 1u << cpu_avx512f : 0;
  set |= __builtin_cpu_supports("avx512bw") ? 1u << cpu_avx512bw : 0;
  set |= __builtin_cpu_supports("avx512dq") ? 1u << cpu_avx512dq : 0;
  set |= __builtin_cpu_supports("avx512vl") ? 1u << cpu_avx512vl : 0;
  set |= __builtin_cpu_supports("avx512vnni") ? 1u << cpu_avx512vnni : 0;
  set |= __builtin_cpu_supports("avx512bf16") ? 1u << cpu_avx512bf16 : 0;
#endif
  return set;
}

bool explain_missing_cpu_features(CpuFeatures required, CpuFeatures present, char* text,
                                  size_t capacity) {
  const CpuFeatures missing = required & ~present;
  if (missing == 0) return false;
  size_t length = 0;
  const auto append = [&](const char* part) {
    for (; *part && length + 1 < capacity; ++part) text[length++] = *part;
    text[length] = '\0';
  };
  append("jespr: this program was built for a newer CPU: this one lacks");
  for (unsigned i = 0; i < cpu_feature_count; ++i) {
    if (!(missing >> i & 1u)) continue;
    append(" ");
    append(names[i]);
  }
  append(". Build it here, or with -DJESPR_ARCH=x86-64-v3 (doc/install.md).\n");
  return true;
}

}  // namespace jespr
