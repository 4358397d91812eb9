// The clamp of the logit scale: exp never exceeds the bound, from the first value on.
#include "model/clip_loss.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/arrays.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

const std::vector<double> bounds = {1, 2, 14.285714285714286, 30, 99.99, 100, 1000, 12345.678};

template <class T>
void check_rounding() {
  for (const double bound : bounds) {
    const T x = log_rounded_down<T>(bound);
    const double power = std::exp(static_cast<double>(x));
    EXPECT_LE(power, bound);
    EXPECT_LE(static_cast<double>(static_cast<T>(power)), bound);
    EXPECT_NEAR(static_cast<double>(x), std::log(bound),
                4 * roundoff<T> * std::max(1.0, std::log(bound)))
        << "no further below than rounding asks";
  }
}

TEST(ClipLossClamp, LogarithmIsRoundedDown) {
  check_rounding<float>();
  check_rounding<double>();
  EXPECT_GT(std::exp(static_cast<double>(static_cast<float>(std::log(100.0)))), 100)
      << "the nearest float is no such number";
}

template <class P>
void check_start(double bound, double temperature) {
  ParameterStore<P> store;
  const auto loss =
      ClipLoss<P>::add(store, {.largest_scale = bound, .initial_temperature = temperature});
  store.freeze();
  store.initialize(1);
  EXPECT_LE(loss.logit_scale.factor(), bound);
  EXPECT_NEAR(loss.logit_scale.factor(), std::min(bound, 1 / temperature), 1e-5 * bound);
}

TEST(ClipLossClamp, StartsAtOrBelowTheBound) {
  for (const double bound : bounds)
    for (const double temperature : {0.07, 1 / bound, 1e-6}) {
      check_start<F32>(bound, temperature);
      check_start<F64>(bound, temperature);
    }
}

template <class P>
double clamped(const LossSettings& settings, double logit_scale) {
  ParameterStore<P> store;
  const auto loss = ClipLoss<P>::add(store, settings);
  store.freeze();
  to_device(loss.logit_scale.parameter->value, converted<typename P::Master>({logit_scale}));
  loss.logit_scale.clamp();
  return static_cast<double>(to_host(loss.logit_scale.parameter->value)[0]);
}

TEST(ClipLossClamp, ActsAboveTheBoundOnly) {
  const double bound = 30;
  EXPECT_EQ(clamped<F32>({.largest_scale = bound}, 5), log_rounded_down<float>(bound));
  EXPECT_EQ(clamped<F64>({.largest_scale = bound}, 5), log_rounded_down<double>(bound));
  EXPECT_EQ(clamped<F32>({.largest_scale = bound}, 3.25), 3.25);
  EXPECT_EQ(clamped<F32>({.clamp_logit_scale = false, .largest_scale = bound}, 5), 5);
}

}  // namespace
