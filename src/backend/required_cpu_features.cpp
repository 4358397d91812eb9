// What this program is compiled for, as the compiler's own macros tell. Data only: no code runs.
#include "backend/cpu_features.hpp"

namespace jespr {

extern constexpr CpuFeatures required_cpu_features = 0
#ifdef __SSE4_2__
                                                     | 1u << cpu_sse4_2
#endif
#ifdef __POPCNT__
                                                     | 1u << cpu_popcnt
#endif
#ifdef __AVX__
                                                     | 1u << cpu_avx
#endif
#ifdef __FMA__
                                                     | 1u << cpu_fma
#endif
#ifdef __AVX2__
                                                     | 1u << cpu_avx2
#endif
#ifdef __BMI2__
                                                     | 1u << cpu_bmi2
#endif
#ifdef __AVX512F__
                                                     | 1u << cpu_avx512f
#endif
#ifdef __AVX512BW__
                                                     | 1u << cpu_avx512bw
#endif
#ifdef __AVX512DQ__
                                                     | 1u << cpu_avx512dq
#endif
#ifdef __AVX512VL__
                                                     | 1u << cpu_avx512vl
#endif
#ifdef __AVX512VNNI__
                                                     | 1u << cpu_avx512vnni
#endif
#ifdef __AVX512BF16__
                                                     | 1u << cpu_avx512bf16
#endif
    ;

}  // namespace jespr
