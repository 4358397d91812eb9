// Learning-rate schedules: against fixed points, and against PyTorch's own way of computing them.
#include "optim/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {

using namespace jespr;

TEST(Schedule, CosineAndConstant) {
  OptimSettings s{.steps = 104, .lr_peak = 2, .lr_final = 0.5, .warmup_steps = 4};
  EXPECT_DOUBLE_EQ(learning_rate(s, 0), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(s, 3), 2);
  EXPECT_DOUBLE_EQ(learning_rate(s, 4), 2);
  EXPECT_DOUBLE_EQ(learning_rate(s, 54), 1.25);
  EXPECT_DOUBLE_EQ(learning_rate(s, 104), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate(s, 1000), 0.5);
  s.schedule = "constant";
  EXPECT_DOUBLE_EQ(learning_rate(s, 1), 1);
  EXPECT_DOUBLE_EQ(learning_rate(s, 1000), 2);
}

/// PyTorch multiplies the rate by gamma once a scheduler step; here one is gamma_steps updates.
TEST(Schedule, ExponentialMultipliesStepByStep) {
  for (const std::int64_t every : {1, 7}) {
    const OptimSettings s{.lr_peak = 0.25,
                          .warmup_steps = 3,
                          .schedule = "exponential",
                          .gamma = 0.97,
                          .gamma_steps = every};
    double rate = 0.25;
    constexpr int updates = 500;
    for (std::int64_t n = 0; n < updates; ++n) {
      if (n > 0 && n % every == 0) rate *= 0.97;
      EXPECT_NEAR(learning_rate(s, 3 + n), rate, updates * 0x1p-52 * rate) << n;
    }
    EXPECT_DOUBLE_EQ(learning_rate(s, 0), 0.25 / 3);
  }
}

TEST(Schedule, ExponentialStopsAtTheFinalRate) {
  const OptimSettings s{.lr_peak = 1, .lr_final = 0.3, .schedule = "exponential", .gamma = 0.5};
  EXPECT_EQ(learning_rate(s, 1), 0.5);
  EXPECT_EQ(learning_rate(s, 2), 0.3);
  EXPECT_EQ(learning_rate(s, 100000), 0.3);
}

/// CyclicLR.get_lr of PyTorch, in its own variables.
double cyclic_of_pytorch(double base, double max, double up, double down, const std::string& mode,
                         double gamma, double iteration) {
  const double total = up + down, step_ratio = up / total;
  const double cycle = std::floor(1 + iteration / total);
  const double x = 1 + iteration / total - cycle;
  const double scale = x <= step_ratio ? x / step_ratio : (x - 1) / (step_ratio - 1);
  const double factor = mode == "triangular"    ? 1
                        : mode == "triangular2" ? 1 / std::pow(2, cycle - 1)
                                                : std::pow(gamma, iteration);
  return base + (max - base) * scale * factor;
}

TEST(Schedule, CyclicIsThatOfPytorch) {
  for (const std::string mode : {"triangular", "triangular2", "exp_range"})
    for (const std::int64_t down : {0, 5, 40}) {
      const OptimSettings s{.lr_peak = 0.5,
                            .schedule = "cyclic",
                            .gamma = 0.99,
                            .lr_base = 0.125,
                            .cycle_up = 12,
                            .cycle_down = down,
                            .cycle_mode = mode};
      for (int n = 0; n < 300; ++n) {
        const double fall = down > 0 ? static_cast<double>(down) : 12;
        // x is a difference of numbers near the count of cycles: their rounding, over the ratio.
        const double tolerance = 64 * 0x1p-52 * 300 / std::min(12.0, fall);
        EXPECT_NEAR(learning_rate(s, n), cyclic_of_pytorch(0.125, 0.5, 12, fall, mode, 0.99, n),
                    tolerance)
            << mode << ", down " << down << ", step " << n;
      }
      EXPECT_EQ(learning_rate(s, 0), 0.125);
    }
}

}  // namespace
