// Checks the CPU before main. Compiled for the oldest CPU, unlike everything else; so it uses
// nothing of the C++ library, whose inline functions the linker might take from another file.
#include "backend/cpu_features.hpp"

#include <stdio.h>
#include <stdlib.h>

namespace jespr {
namespace {

constexpr const char* names[cpu_feature_count] = {
#define JESPR_NAME(name, macro, text) text,
    JESPR_CPU_FEATURES(JESPR_NAME)
#undef JESPR_NAME
};

// Runs before the constructors of all other files, which may use newer instructions.
__attribute__((constructor(101))) void check_cpu() {
  char text[1024];  // all names fit
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
#define JESPR_ADD(name, macro, text) set |= cpu_bit(cpu_##name, __builtin_cpu_supports(text));
  JESPR_CPU_FEATURES(JESPR_ADD)
#undef JESPR_ADD
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
    if (!(missing & cpu_bit(static_cast<CpuFeature>(i)))) continue;
    append(" ");
    append(names[i]);
  }
  append(". Build it here, or with -DJESPR_ARCH=x86-64-v3 (doc/install.md).\n");
  return true;
}

}  // namespace jespr
