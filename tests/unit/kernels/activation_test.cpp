// Bias and activation: against the formulas, gradients, aliasing of input and output.
#include "kernels/activation.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

constexpr Activation all_activations[] = {Activation::none, Activation::relu, Activation::gelu,
                                          Activation::tanh};

double reference(Activation activation, double x) {
  switch (activation) {
    case Activation::relu:
      return std::max(0.0, x);
    case Activation::gelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::none:
      break;
  }
  return x;
}

std::vector<double> reference(Activation activation, const std::vector<double>& h,
                              const std::vector<double>& bias) {
  std::vector<double> y(h.size());
  for (std::size_t i = 0; i < h.size(); ++i)
    y[i] = reference(activation, h[i] + bias[i % bias.size()]);
  return y;
}

template <class T>
void check(Activation activation, std::size_t n, std::size_t columns, bool in_place) {
  const std::vector<double> x = random_numbers(n * columns, 1, 3),
                            bias = random_numbers(columns, 2);
  const Guarded<T> h(x), b(bias), other(n * columns);
  const Guarded<T>& y = in_place ? h : other;
  kernels::bias_activation(activation, h.matrix(n, columns), b.vector(), y.matrix(n, columns));
  expect_close(y.host(), reference(activation, x, bias), rounding<T>(1), "activation");
  if (!in_place)
    expect_close(h.host(), reference(Activation::none, x, bias), rounding<T>(1), "kept");
}

TEST(Activation, EqualsTheFormula) {
  for (const Activation activation : all_activations)
    for (const auto& [n, columns] : {std::pair{1, 1}, {1, 17}, {5, 64}, {33, 7}})
      for (const bool in_place : {false, true}) {
        check<float>(activation, n, columns, in_place && activation != Activation::gelu);
        check<double>(activation, n, columns, in_place && activation != Activation::gelu);
      }
}

/// relu has no third derivative to converge by: its gradient is compared with the step function.
TEST(Activation, Gradient) {
  constexpr std::size_t n = 5, columns = 13;
  const std::vector<double> x = random_numbers(n * columns, 1, 2), w = random_numbers(x.size(), 2);
  const std::vector<double> zero(columns, 0);
  for (const Activation activation : all_activations) {
    const Guarded<double> h(x), b(zero), y(n * columns), dy(w), dh(n * columns);
    kernels::bias_activation(activation, h.matrix(n, columns), b.vector(), y.matrix(n, columns));
    kernels::activation_backward(activation, h.matrix(n, columns), y.matrix(n, columns),
                                 dy.matrix(n, columns), dh.matrix(n, columns));
    if (activation == Activation::relu) {
      for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(dh.host()[i], x[i] > 0 ? w[i] : 0);
    } else {
      const auto loss = [&](const std::vector<double>& v) {
        return dot(reference(activation, v, zero), w);
      };
      expect_gradient("activation", loss, x, dh.host(), n * columns);
    }
    kernels::activation_backward(activation, h.matrix(n, columns), y.matrix(n, columns),
                                 dy.matrix(n, columns), dy.matrix(n, columns));
    EXPECT_EQ(dy.host(), dh.host()) << "in place";
  }
}

/// In one pass what two would give, over more rows than one partial sum has; the gradient of the
/// bias by differences.
TEST(Activation, GradientWithThatOfTheBias) {
  constexpr std::size_t n = 150, columns = 13;
  const std::vector<double> x = random_numbers(n * columns, 1, 2), w = random_numbers(x.size(), 2),
                            bias = random_numbers(columns, 3), start = random_numbers(columns, 4);
  Bench bench;
  for (const Activation activation : all_activations) {
    const Guarded<double> h(x), b(bias), y(n * columns), dy(w), dh(n * columns), dbias(start);
    kernels::bias_activation(activation, h.matrix(n, columns), b.vector(), y.matrix(n, columns));
    kernels::activation_backward(activation, h.matrix(n, columns), y.matrix(n, columns),
                                 dy.matrix(n, columns), dh.matrix(n, columns));
    kernels::activation_and_bias_backward(bench.scratch, activation, h.matrix(n, columns),
                                          y.matrix(n, columns), dy.matrix(n, columns),
                                          dbias.vector());
    EXPECT_EQ(dy.host(), dh.host());
    std::vector<double> gradient = dbias.host(), expected(columns, 0);
    for (std::size_t c = 0; c < columns; ++c) gradient[c] -= start[c];
    for (std::size_t i = 0; i < n * columns; ++i) expected[i % columns] += dh.host()[i];
    expect_close(gradient, expected, rounding<double>(n), "sums of columns");
    if (activation == Activation::relu) continue;  // has no third derivative
    expect_gradient(
        "bias", [&](const std::vector<double>& v) { return dot(reference(activation, x, v), w); },
        bias, gradient, n * columns);
  }
}

TEST(Activation, AddAndBias) {
  constexpr std::size_t n = 3, columns = 5;
  const std::vector<double> x = random_numbers(n * columns, 1), y = random_numbers(n * columns, 2),
                            b = random_numbers(columns, 3);
  const Guarded<double> a(x), c(y), bias(b), sum(n * columns);
  kernels::add(a.matrix(n, columns), c.matrix(n, columns), sum.matrix(n, columns));
  kernels::add_bias(c.matrix(n, columns), bias.vector());
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(sum.host()[i], x[i] + y[i]);
    EXPECT_EQ(c.host()[i], y[i] + b[i % columns]);
  }
}

constexpr std::size_t timed_rows = 4096, timed_columns = 1280;
constexpr double timed_bytes = 4.0 * timed_rows * timed_columns;  // of one array

void time_bias_gelu(benchmark::State& state) {
  const Guarded<float> h(random_numbers(timed_rows * timed_columns, 1)),
      b(random_numbers(timed_columns, 2)), y(timed_rows * timed_columns);
  measure(state, {.bytes = 3 * timed_bytes}, [&] {
    kernels::bias_activation(Activation::gelu, h.matrix(timed_rows, timed_columns), b.vector(),
                             y.matrix(timed_rows, timed_columns));
  });
}
JESPR_BENCHMARK("bias gelu f32 [4096, 1280]", time_bias_gelu);

void time_gelu_backward(benchmark::State& state) {
  Bench bench;
  const Guarded<float> h(random_numbers(timed_rows * timed_columns, 1)),
      dy(random_numbers(timed_rows * timed_columns, 2)), dbias(random_numbers(timed_columns, 3));
  const Matrix<float> gradient = dy.matrix(timed_rows, timed_columns);
  measure(state, {.bytes = 3 * timed_bytes}, [&] {
    kernels::activation_and_bias_backward(bench.scratch, Activation::gelu,
                                          h.matrix(timed_rows, timed_columns), gradient, gradient,
                                          dbias.vector());
  });
}
JESPR_BENCHMARK("gelu and bias backward f32 [4096, 1280]", time_gelu_backward);

}  // namespace
