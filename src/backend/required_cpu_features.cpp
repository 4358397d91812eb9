// What this program is compiled for, as the compiler's own macros tell. Data only: no code runs.
#include "backend/cpu_features.hpp"

namespace jespr {
namespace {

// A macro that the compiler defines as 1 arrives as "1", another one as its own name.
constexpr bool is_defined(const char* text) { return text[0] == '1' && text[1] == '\0'; }
#define JESPR_TEXT_OF(macro) #macro
#define JESPR_IS_DEFINED(macro) is_defined(JESPR_TEXT_OF(macro))

}  // namespace

extern constexpr CpuFeatures required_cpu_features = 0
#define JESPR_BIT(name, macro, text) | cpu_bit(cpu_##name, JESPR_IS_DEFINED(macro))
    JESPR_CPU_FEATURES(JESPR_BIT);
#undef JESPR_BIT

}  // namespace jespr
