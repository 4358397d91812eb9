// Gradients against central differences.
#include "support/differences.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "support/arrays.hpp"

namespace jespr::test {
namespace {

constexpr int directions = 6;

std::vector<double> moved(const std::vector<double>& x, double h, const std::vector<double>& d) {
  std::vector<double> y = x;
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += h * d[i];
  return y;
}

}  // namespace

void expect_gradient(const std::string& what, const Scalar& loss, const std::vector<double>& x,
                     const std::vector<double>& gradient, double magnitude, double step) {
  ASSERT_EQ(x.size(), gradient.size()) << what;
  std::array<double, 2> error = {0, 0};  // at h = step and step / 2
  double slope = 0;
  for (int k = 0; k < directions; ++k) {
    const std::vector<double> d = random_numbers(x.size(), 1000 + static_cast<std::uint64_t>(k));
    const double expected = dot(gradient, d);
    slope = std::max(slope, std::abs(expected));
    for (std::size_t level = 0; level < 2; ++level) {
      const double h = step / static_cast<double>(1 << level);
      const double difference = (loss(moved(x, h, d)) - loss(moved(x, -h, d))) / (2 * h);
      error[level] += (difference - expected) * (difference - expected) / directions;
    }
  }
  const double coarse = std::sqrt(error[0]), fine = std::sqrt(error[1]);
  const double floor = 256 * roundoff<double> * magnitude / step;
  if (coarse <= floor && fine <= 2 * floor) return;
  const double ratio = coarse / fine;
  EXPECT_TRUE(ratio > 3.5 && ratio < 4.5)
      << what << ": the error of the difference falls by " << ratio << ", from " << coarse << " to "
      << fine << " (slopes up to " << slope << ", rounding " << floor << ")";
}

}  // namespace jespr::test
