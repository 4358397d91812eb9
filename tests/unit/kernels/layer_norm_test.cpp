// Layer norm: against the formula, gradients by x, gain and bias, accumulation, aliasing.
#include "kernels/layer_norm.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

constexpr double eps = 1e-5;

std::vector<double> reference(const std::vector<double>& x, const std::vector<double>& gain,
                              const std::vector<double>& bias) {
  const std::size_t columns = gain.size();
  std::vector<double> y(x.size());
  for (std::size_t row = 0; row < x.size(); row += columns) {
    double mean = 0, variance = 0;
    for (std::size_t c = 0; c < columns; ++c) mean += x[row + c] / static_cast<double>(columns);
    for (std::size_t c = 0; c < columns; ++c)
      variance += (x[row + c] - mean) * (x[row + c] - mean) / static_cast<double>(columns);
    for (std::size_t c = 0; c < columns; ++c)
      y[row + c] = gain[c] * (x[row + c] - mean) / std::sqrt(variance + eps) + bias[c];
  }
  return y;
}

template <class T>
struct Case {
  std::size_t n, columns;
  Bench bench;
  Guarded<T> x, gain, bias, y, mean, rstd;

  Case(std::size_t rows, std::size_t c)
      : n(rows),
        columns(c),
        x(random_numbers(rows * c, 1)),
        gain(random_numbers(c, 2)),
        bias(random_numbers(c, 3)),
        y(rows * c),
        mean(rows),
        rstd(rows) {
    forward();
  }
  void forward() {
    kernels::layer_norm(x.matrix(n, columns), gain.vector(), bias.vector(), T(eps),
                        y.matrix(n, columns), mean.vector(), rstd.vector());
  }
  void backward(const Guarded<T>& dy, const Guarded<T>& dx, bool accumulate) {
    kernels::layer_norm_backward(dy.matrix(n, columns), x.matrix(n, columns), mean.vector(),
                                 rstd.vector(), gain.vector(), dx.matrix(n, columns), accumulate);
  }
  void parameter_gradients(const Guarded<T>& dy, const Guarded<T>& dgain, const Guarded<T>& dbias) {
    kernels::layer_norm_parameter_gradients(bench.scratch, dy.matrix(n, columns),
                                            x.matrix(n, columns), mean.vector(), rstd.vector(),
                                            dgain.vector(), dbias.vector());
  }
};

template <class T>
void check(std::size_t n, std::size_t columns) {
  const Case<T> test(n, columns);
  expect_close(test.y.host(), reference(test.x.host(), test.gain.host(), test.bias.host()),
               rounding<T>(static_cast<double>(columns)),
               std::to_string(n) + " x " + std::to_string(columns));
}

TEST(LayerNorm, EqualsTheFormula) {
  for (const auto& [n, columns] : {std::pair{1, 1}, {1, 2}, {3, 17}, {130, 64}, {2, 1280}}) {
    check<float>(n, columns);
    check<double>(n, columns);
  }
}

TEST(LayerNorm, GradientByDifferences) {
  constexpr std::size_t n = 4, columns = 19;
  Case<double> test(n, columns);
  const std::vector<double> w = random_numbers(n * columns, 4);
  const std::vector<double> start = random_numbers(n * columns, 5),
                            first = random_numbers(columns, 6);
  const Guarded<double> dy(w), dx(n * columns), sum(start), dgain(first), dbias(first);
  test.backward(dy, dx, false);
  test.backward(dy, sum, true);
  test.parameter_gradients(dy, dgain, dbias);
  const std::vector<double> x = test.x.host(), gain = test.gain.host(), bias = test.bias.host();
  const double size = n * columns;
  expect_gradient(
      "x", [&](const std::vector<double>& v) { return dot(reference(v, gain, bias), w); }, x,
      dx.host(), size);
  const auto without_start = [&](std::vector<double> gradient) {
    for (std::size_t c = 0; c < columns; ++c) gradient[c] -= first[c];
    return gradient;
  };
  expect_gradient(
      "gain", [&](const std::vector<double>& v) { return dot(reference(x, v, bias), w); }, gain,
      without_start(dgain.host()), size);
  expect_gradient(
      "bias", [&](const std::vector<double>& v) { return dot(reference(x, gain, v), w); }, bias,
      without_start(dbias.host()), size);
  for (std::size_t i = 0; i < w.size(); ++i)
    EXPECT_DOUBLE_EQ(sum.host()[i], start[i] + dx.host()[i]) << "accumulated";
  test.backward(dy, dy, false);
  EXPECT_EQ(dy.host(), dx.host()) << "in place";
}

constexpr std::size_t timed_rows = 4096, timed_columns = 320;
constexpr double timed_bytes = 4.0 * timed_rows * timed_columns;  // of one array

void time_layer_norm(benchmark::State& state) {
  Case<float> test(timed_rows, timed_columns);
  measure(state, {.bytes = 2 * timed_bytes}, [&] { test.forward(); });
}
JESPR_BENCHMARK("layer norm f32 [4096, 320]", time_layer_norm);

void time_layer_norm_backward(benchmark::State& state) {
  Case<float> test(timed_rows, timed_columns);
  test.forward();
  const Guarded<float> dy(random_numbers(timed_rows * timed_columns, 4)),
      dx(timed_rows * timed_columns);
  measure(state, {.bytes = 3 * timed_bytes}, [&] { test.backward(dy, dx, false); });
}
JESPR_BENCHMARK("layer norm backward f32 [4096, 320]", time_layer_norm_backward);

void time_layer_norm_parameter_gradients(benchmark::State& state) {
  Case<float> test(timed_rows, timed_columns);
  test.forward();
  const Guarded<float> dy(random_numbers(timed_rows * timed_columns, 4)),
      dgain(random_numbers(timed_columns, 5)), dbias(random_numbers(timed_columns, 5));
  measure(state, {.bytes = 2 * timed_bytes}, [&] { test.parameter_gradients(dy, dgain, dbias); });
}
JESPR_BENCHMARK("layer norm parameter gradients f32 [4096, 320]",
                time_layer_norm_parameter_gradients);

}  // namespace
