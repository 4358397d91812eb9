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

/// All constants differ from 0 and 1, so that none can be left out, and between the two kinds.
const std::vector<kernels::AdamStep> steps = {{.rate = 0.01,
                                               .beta1 = 0.75,
                                               .beta2 = 0.9,
                                               .eps = 1e-3,
                                               .shrink = 0.95,
                                               .gradient_decay = 0.2,
                                               .gradient_scale = 0.5,
                                               .correction1 = 0.4,
                                               .correction2 = 0.2,
                                               .average_decay = 0.7},
                                              {.rate = 0.02,
                                               .beta1 = 0.5,
                                               .beta2 = 0.8,
                                               .eps = 1e-2,
                                               .shrink = 0.75,
                                               .gradient_decay = 0.1,
                                               .gradient_scale = 0.25,
                                               .correction1 = 0.6,
                                               .correction2 = 0.3,
                                               .average_decay = 0.9}};

/// Runs of both kinds, with a gap between them and one behind them that must stay as they are.
template <class T>
void check_update(int length, bool averages) {
  constexpr int gap = 5;
  const std::vector<kernels::AdamRun> runs = {{0, length, 1},
                                              {static_cast<std::size_t>(length + gap), length, 0}};
  const std::size_t n = static_cast<std::size_t>(2 * (length + gap));
  const Numbers p = random_numbers(n, 1), g = random_numbers(n, 2), m = random_numbers(n, 3);
  Numbers v = random_numbers(n, 4);
  for (double& value : v) value = std::abs(value);
  const Numbers a = random_numbers(n, 8);
  const Guarded<T> p_(p), g_(g), m_(m), v_(v), a_(a);
  Bench bench;
  kernels::adam_update(bench.inputs.upload(runs), bench.inputs.upload(steps), p_.vector(),
                       g_.vector(), m_.vector(), v_.vector(), averages ? a_.vector() : Vector<T>());
  Numbers expected = p, first = m, second = v, average = a;
  for (const kernels::AdamRun& run : runs)
    for (std::size_t i = run.begin; i < run.begin + static_cast<std::size_t>(run.length); ++i) {
      const kernels::AdamStep& step = steps[static_cast<std::size_t>(run.step)];
      const double gradient = step.gradient_scale * g[i] + step.gradient_decay * p[i];
      first[i] = step.beta1 * m[i] + (1 - step.beta1) * gradient;
      second[i] = step.beta2 * v[i] + (1 - step.beta2) * gradient * gradient;
      expected[i] = p[i] * step.shrink - step.rate * (first[i] / step.correction1) /
                                             (std::sqrt(second[i] / step.correction2) + step.eps);
      if (averages) average[i] = step.average_decay * a[i] + (1 - step.average_decay) * expected[i];
    }
  constexpr double operations = 12;
  expect_close(p_.host(), expected, rounding<T>(operations), "parameters");
  expect_close(m_.host(), first, rounding<T>(operations), "first moment");
  expect_close(v_.host(), second, rounding<T>(operations), "second moment");
  expect_close(a_.host(), average, rounding<T>(operations), "average");
  EXPECT_EQ(g_.host(), g);
}

TEST(AdamKernels, UpdateEqualsTheFormula) {
  for (const int length : {1, 77, 4096})
    for (const bool averages : {false, true}) {
      check_update<float>(length, averages);
      check_update<double>(length, averages);
    }
}

TEST(AdamKernels, RunsCoverTheirElements) {
  for (const std::size_t size : {0, 1, 4096, 4097, 10000}) {
    std::vector<kernels::AdamRun> runs = {{0, 7, 0}};
    kernels::add_adam_runs(runs, 7, size, 3);
    std::size_t next = 0;
    for (const kernels::AdamRun& run : runs) {
      EXPECT_EQ(run.begin, next);
      EXPECT_EQ(run.step, next == 0 ? 0 : 3);
      EXPECT_TRUE(run.length > 0 && run.length <= 4096) << run.length;
      next += static_cast<std::size_t>(run.length);
    }
    EXPECT_EQ(next, 7 + size);
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

TEST(AdamKernels, Swap) {
  const Numbers x = random_numbers(50, 6), y = random_numbers(50, 7);
  const Guarded<float> first(x), second(y);
  kernels::swap_values(first.vector(), second.vector());
  EXPECT_EQ(first.host(), y);
  EXPECT_EQ(second.host(), x);
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
