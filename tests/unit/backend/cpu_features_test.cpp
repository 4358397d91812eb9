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
  const CpuFeatures present = cpu_bit(cpu_avx) | cpu_bit(cpu_avx2);
  const CpuFeatures required = present | cpu_bit(cpu_fma) | cpu_bit(cpu_avx512vbmi2);
  char text[512];
  ASSERT_TRUE(explain_missing_cpu_features(required, present, text, sizeof text));
  EXPECT_NE(std::strstr(text, "lacks fma avx512vbmi2."), nullptr) << text;
}

TEST(CpuFeatures, TextIsCutToItsBuffer) {
  char text[16];
  std::memset(text, '#', sizeof text);
  ASSERT_TRUE(explain_missing_cpu_features(~CpuFeatures{0}, 0, text, sizeof text - 1));
  EXPECT_EQ(std::strlen(text), sizeof text - 2);
  EXPECT_EQ(text[sizeof text - 1], '#');
}

TEST(CpuFeatures, AllNamesFitTheirSentence) {
  char text[1024];
  ASSERT_TRUE(explain_missing_cpu_features(~CpuFeatures{0}, 0, text, sizeof text));
  EXPECT_NE(std::strstr(text, "(doc/install.md).\n"), nullptr) << text;
}

// The macros of the instruction set that this file is compiled for reach the list.
TEST(CpuFeatures, RequiredFollowsTheCompilersMacros) {
#ifdef __AVX512VBMI2__
  EXPECT_NE(required_cpu_features & cpu_bit(cpu_avx512vbmi2), 0u);
#else
  EXPECT_EQ(required_cpu_features & cpu_bit(cpu_avx512vbmi2), 0u);
#endif
#ifdef __BMI__
  EXPECT_NE(required_cpu_features & cpu_bit(cpu_bmi), 0u);
#else
  EXPECT_EQ(required_cpu_features & cpu_bit(cpu_bmi), 0u);
#endif
}

TEST(CpuFeatures, ThisCpuHasWhatThisTestWasBuiltFor) {
  EXPECT_EQ(required_cpu_features & ~present_cpu_features(), 0u);
}

}  // namespace
}  // namespace jespr
