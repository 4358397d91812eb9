// The kernels of the optimizer on flat buffers: against the formulas, element by element.
#include "kernels/adam.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/arrays.hpp"
#include "support/bench.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

/// All constants differ from 0 and 1, so that none can be left out.
const kernels::AdamStep step{.rate = 0.01,
                             .beta1 = 0.75,
                             .beta2 = 0.9,
                             .eps = 1e-3,
                             .shrink = 0.95,
                             .gradient_decay = 0.2,
                             .gradient_scale = 0.5,
                             .correction1 = 0.4,
                             .correction2 = 0.2};

template <class T>
void check_update(std::size_t n) {
  const Numbers p = random_numbers(n, 1), g = random_numbers(n, 2), m = random_numbers(n, 3);
  Numbers v = random_numbers(n, 4);
  for (double& value : v) value = std::abs(value);
  const Guarded<T> p_(p), g_(g), m_(m), v_(v);
  kernels::adam_update(p_.vector(), g_.vector(), m_.vector(), v_.vector(), step);
  Numbers expected, first, second;
  for (std::size_t i = 0; i < n; ++i) {
    const double gradient = step.gradient_scale * g[i] + step.gradient_decay * p[i];
    first.push_back(step.beta1 * m[i] + (1 - step.beta1) * gradient);
    second.push_back(step.beta2 * v[i] + (1 - step.beta2) * gradient * gradient);
    expected.push_back(p[i] * step.shrink -
                       step.rate * (first[i] / step.correction1) /
                           (std::sqrt(second[i] / step.correction2) + step.eps));
  }
  constexpr double operations = 12;
  expect_close(p_.host(), expected, rounding<T>(operations), "parameters");
  expect_close(m_.host(), first, rounding<T>(operations), "first moment");
  expect_close(v_.host(), second, rounding<T>(operations), "second moment");
  EXPECT_EQ(g_.host(), g);
}

TEST(AdamKernels, UpdateEqualsTheFormula) {
  for (const std::size_t n : {1, 77, 1000}) {
    check_update<float>(n);
    check_update<double>(n);
  }
}

template <class T>
void check_sum_of_squares(std::size_t n) {
  Bench bench;
  const Numbers x = random_numbers(n, 5);
  const Guarded<T> values(x);
  EXPECT_NEAR(kernels::sum_of_squares(bench.scratch, values.vector()), dot(x, x),
              rounding<double>(static_cast<double>(n)) * dot(x, x))
      << "in f64 whatever the type";
  EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
}

TEST(AdamKernels, SumOfSquares) {
  for (const std::size_t n : {0, 1, 4095, 4096, 4097, 20000}) {
    check_sum_of_squares<float>(n);
    check_sum_of_squares<double>(n);
  }
}

TEST(AdamKernels, AddAndClamp) {
  const Numbers x = random_numbers(50, 6), y = random_numbers(50, 7);
  const Guarded<double> sum(x), other(y), clamped(x);
  kernels::add_to(sum.vector(), other.vector());
  constexpr double largest = 0.25;
  kernels::clamp_above(clamped.vector(), largest);
  Numbers expected_sum, expected;
  for (std::size_t i = 0; i < x.size(); ++i) {
    expected_sum.push_back(x[i] + y[i]);
    expected.push_back(std::min(x[i], largest));
  }
  EXPECT_EQ(sum.host(), expected_sum);
  EXPECT_EQ(other.host(), y);
  EXPECT_EQ(clamped.host(), expected);
  EXPECT_NE(expected, x);
}

}  // namespace
