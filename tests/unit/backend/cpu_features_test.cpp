// The sentence for a CPU that lacks what the program was built for.
#include "backend/cpu_features.hpp"

#include <gtest/gtest.h>

#include <cstring>

namespace jespr {
namespace {

TEST(CpuFeatures, NothingMissingSaysNothing) {
  char text[8] = "before";
  EXPECT_FALSE(explain_missing_cpu_features(0b101, 0b111, text, sizeof text));
  EXPECT_STREQ(text, "before");
}

TEST(CpuFeatures, NamesExactlyWhatIsMissing) {
  const CpuFeatures present = 1u << cpu_avx | 1u << cpu_avx2;
  const CpuFeatures required = present | 1u << cpu_fma | 1u << cpu_avx512f;
  char text[512];
  ASSERT_TRUE(explain_missing_cpu_features(required, present, text, sizeof text));
  EXPECT_NE(std::strstr(text, "lacks fma avx512f."), nullptr) << text;
}

TEST(CpuFeatures, TextIsCutToItsBuffer) {
  char text[16];
  std::memset(text, '#', sizeof text);
  ASSERT_TRUE(explain_missing_cpu_features(~0u, 0, text, sizeof text - 1));
  EXPECT_EQ(std::strlen(text), sizeof text - 2);
  EXPECT_EQ(text[sizeof text - 1], '#');
}

TEST(CpuFeatures, ThisCpuHasWhatThisTestWasBuiltFor) {
  EXPECT_EQ(required_cpu_features & ~present_cpu_features(), 0u);
}

}  // namespace
}  // namespace jespr
