// Bias, scale and rotary embedding: against rotations of pairs, backward as the transpose of
// forward and by differences.
#include "kernels/rotary.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

struct Shape {
  std::vector<int> rows;
  int heads, head_width;
  int width() const { return heads * head_width; }
};

std::vector<double> reference(const Shape& shape, bool rotary, std::vector<double> qkv,
                              const std::vector<double>& bias = {}) {
  const int half = shape.head_width / 2;
  double* row = qkv.data();
  for (const int length : shape.rows)
    for (int position = 0; position < length; ++position, row += 3 * shape.width()) {
      for (std::size_t c = 0; c < bias.size(); ++c) row[c] += bias[c];
      for (int c = 0; c < shape.width(); ++c) row[c] /= std::sqrt(shape.head_width);
      for (int head = 0; rotary && head < 2 * shape.heads; ++head)  // of q, then of k
        for (int c = 0; c < half; ++c) {
          const double angle = position * std::pow(10000.0, -2.0 * c / shape.head_width);
          double& x = row[head * shape.head_width + c];
          double& y = row[head * shape.head_width + c + half];
          const double first = x;
          x = first * std::cos(angle) - y * std::sin(angle);
          y = y * std::cos(angle) + first * std::sin(angle);
        }
    }
  return qkv;
}

template <class T>
std::vector<double> map(const Shape& shape, bool rotary, bool backward,
                        const std::vector<double>& x, std::vector<double> with_bias = {}) {
  Bench bench;
  with_bias.resize(static_cast<std::size_t>(3 * shape.width()), 0);
  const Guarded<T> bias(with_bias);
  const Offsets offsets = make_offsets(bench.inputs, shape.rows);
  const Guarded<T> qkv(x);
  const Matrix<T> view = qkv.matrix(static_cast<std::size_t>(offsets.rows()),
                                    static_cast<std::size_t>(3 * shape.width()));
  if (backward)
    kernels::scale_and_rotate_backward(bench.scratch, view, offsets, shape.heads, rotary);
  else
    kernels::add_bias_scale_and_rotate(bench.scratch, view, bias.vector(), offsets, shape.heads,
                                       rotary);
  return qkv.host();
}

const Shape shapes[] = {{{1}, 1, 8}, {{3, 1, 5}, 3, 10}, {{1200, 70}, 2, 16}, {{33}, 1, 128}};

std::vector<double> random_input(const Shape& shape, std::uint64_t seed) {
  int n = 0;
  for (int rows : shape.rows) n += rows;
  return random_numbers(static_cast<std::size_t>(3 * n * shape.width()), seed);
}

/// Rounding of an angle a = position * frequency: u for the product, and for the frequency
/// e^(-t) an error u t, t e^(-t) <= 1/e; together below 2 u position.
template <class T>
void check(const Shape& shape, bool rotary) {
  const std::vector<double> x = random_input(shape, 1);
  const int longest = *std::max_element(shape.rows.begin(), shape.rows.end());
  const std::vector<double> bias = random_numbers(static_cast<std::size_t>(3 * shape.width()), 2);
  expect_close(map<T>(shape, rotary, false, x, bias), reference(shape, rotary, x, bias),
               (8 + 2 * longest) * roundoff<T>, "rotary of " + std::to_string(longest));
}

TEST(Rotary, EqualsRotationsOfPairs) {
  for (const Shape& shape : shapes)
    for (const bool rotary : {false, true}) {
      check<float>(shape, rotary);
      check<double>(shape, rotary);
    }
}

/// <R x, y> = <x, R^T y>: the gradient map of a linear map. Each sum has n roundings of partial
/// sums that are sqrt(n) large.
TEST(Rotary, BackwardIsTheTranspose) {
  for (const Shape& shape : shapes)
    for (const bool rotary : {false, true}) {
      const std::vector<double> x = random_input(shape, 1), y = random_input(shape, 2);
      const double forward = dot(map<double>(shape, rotary, false, x), y);
      const double backward = dot(x, map<double>(shape, rotary, true, y));
      EXPECT_NEAR(forward, backward, roundoff<double> * static_cast<double>(x.size()));
    }
}

TEST(Rotary, GradientByDifferences) {
  for (const Shape& shape : {shapes[0], shapes[1]})
    for (const bool rotary : {false, true}) {
      const std::vector<double> x = random_input(shape, 1), w = random_input(shape, 2);
      expect_gradient(
          "rotary",
          [&](const std::vector<double>& v) {
            return dot(map<double>(shape, rotary, false, v), w);
          },
          x, map<double>(shape, rotary, true, w), static_cast<double>(w.size()));
    }
}

void time_rotary(benchmark::State& state) {
  constexpr std::size_t n = 4096, width = 320;
  Bench bench;
  const Offsets offsets = make_offsets(bench.inputs, std::vector<int>(32, n / 32));
  const Guarded<float> qkv(random_numbers(3 * n * width, 1)), bias(random_numbers(3 * width, 2));
  measure(state, {.bytes = 6.0 * 4 * n * width}, [&] {
    kernels::add_bias_scale_and_rotate(bench.scratch, qkv.matrix(n, 3 * width), bias.vector(),
                                       offsets, 20, true);
  });
}
JESPR_BENCHMARK("bias, scale and rotate f32 [4096, 3 x 320]", time_rotary);

}  // namespace
