// Extensions of the x86-64 instruction set that a compiler may use by itself, one line each.
#pragma once

// X(name, macro, text): the macro that the compiler defines when it may use the extension, and the
// name by which __builtin_cpu_supports of GCC 11 and newer knows it. What compilers only use when a
// program asks for it by an intrinsic, and ours does not, is left out
// (tests/run/instruction_set.sh names that).
// The names are those of CpuFeature, without their prefix cpu_.
#define JESPR_CPU_FEATURES(X)                                \
  X(sse3, __SSE3__, "sse3")                                  \
  X(ssse3, __SSSE3__, "ssse3")                               \
  X(sse4_1, __SSE4_1__, "sse4.1")                            \
  X(sse4_2, __SSE4_2__, "sse4.2")                            \
  X(sse4a, __SSE4A__, "sse4a")                               \
  X(popcnt, __POPCNT__, "popcnt")                            \
  X(lahf, __LAHF_SAHF__, "lahf_lm")                          \
  X(cx16, __GCC_HAVE_SYNC_COMPARE_AND_SWAP_16, "cmpxchg16b") \
  X(movbe, __MOVBE__, "movbe")                               \
  X(lzcnt, __LZCNT__, "lzcnt")                               \
  X(bmi, __BMI__, "bmi")                                     \
  X(bmi2, __BMI2__, "bmi2")                                  \
  X(tbm, __TBM__, "tbm")                                     \
  X(adx, __ADX__, "adx")                                     \
  X(aes, __AES__, "aes")                                     \
  X(pclmul, __PCLMUL__, "pclmul")                            \
  X(sha, __SHA__, "sha")                                     \
  X(gfni, __GFNI__, "gfni")                                  \
  X(avx, __AVX__, "avx")                                     \
  X(f16c, __F16C__, "f16c")                                  \
  X(fma, __FMA__, "fma")                                     \
  X(fma4, __FMA4__, "fma4")                                  \
  X(xop, __XOP__, "xop")                                     \
  X(avx2, __AVX2__, "avx2")                                  \
  X(avxvnni, __AVXVNNI__, "avxvnni")                         \
  X(vaes, __VAES__, "vaes")                                  \
  X(vpclmulqdq, __VPCLMULQDQ__, "vpclmulqdq")                \
  X(avx512f, __AVX512F__, "avx512f")                         \
  X(avx512cd, __AVX512CD__, "avx512cd")                      \
  X(avx512er, __AVX512ER__, "avx512er")                      \
  X(avx512pf, __AVX512PF__, "avx512pf")                      \
  X(avx512bw, __AVX512BW__, "avx512bw")                      \
  X(avx512dq, __AVX512DQ__, "avx512dq")                      \
  X(avx512vl, __AVX512VL__, "avx512vl")                      \
  X(avx512ifma, __AVX512IFMA__, "avx512ifma")                \
  X(avx512vbmi, __AVX512VBMI__, "avx512vbmi")                \
  X(avx512vbmi2, __AVX512VBMI2__, "avx512vbmi2")             \
  X(avx512bitalg, __AVX512BITALG__, "avx512bitalg")          \
  X(avx512vpopcntdq, __AVX512VPOPCNTDQ__, "avx512vpopcntdq") \
  X(avx512vnni, __AVX512VNNI__, "avx512vnni")                \
  X(avx512bf16, __AVX512BF16__, "avx512bf16")                \
  X(amx_tile, __AMX_TILE__, "amx-tile")                      \
  X(amx_bf16, __AMX_BF16__, "amx-bf16")                      \
  X(avx5124fmaps, __AVX5124FMAPS__, "avx5124fmaps")          \
  X(avx5124vnniw, __AVX5124VNNIW__, "avx5124vnniw")          \
  JESPR_CPU_FEATURES_OF_GCC_12(X)

#if __GNUC__ >= 12  // older ones neither know nor use it
#define JESPR_CPU_FEATURES_OF_GCC_12(X) X(avx512fp16, __AVX512FP16__, "avx512fp16")
#else
#define JESPR_CPU_FEATURES_OF_GCC_12(X)
#endif
