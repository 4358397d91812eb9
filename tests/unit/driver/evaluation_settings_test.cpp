// Patience that a run can spend, and patience that it cannot.
#include "driver/evaluation_settings.hpp"

#include <gtest/gtest.h>

namespace {

using namespace jespr;

TEST(EvaluationSettings, WarnsOfPatienceThatNoRunSpends) {
  const auto warning = [](std::int64_t patience, std::int64_t every, std::int64_t steps) {
    ValidateSettings settings;
    settings.every = every;
    settings.patience = patience;
    return warning_of_patience(settings, steps);
  };
  EXPECT_NE(warning(3, 5000, 1000).find("1000 steps have 1 validation, one every 5000"),
            std::string::npos);
  EXPECT_EQ(warning(3, 100, 500), "") << "spent after 400 steps";
  EXPECT_NE(warning(4, 100, 500), "") << "spent at the end alone";
  EXPECT_NE(warning(4, 100, 401), "");
  EXPECT_EQ(warning(3, 100, 401), "");
  EXPECT_EQ(warning(0, 0, 1000), "");
}

}  // namespace
