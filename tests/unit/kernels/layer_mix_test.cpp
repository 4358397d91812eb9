// Weighted sums over layers: against the formula, gradients by differences.
#include "kernels/layer_mix.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

Numbers softmax(const Numbers& w) {
  Numbers a;
  for (const double value : w) a.push_back(std::exp(value));
  const double sum = std::accumulate(a.begin(), a.end(), 0.0);
  for (double& value : a) value /= sum;
  return a;
}

/// sum_j softmax(w)_j x_j; x: one layer after the other.
Numbers mixed(const Numbers& w, const Numbers& x) {
  const Numbers a = softmax(w);
  const std::size_t size = x.size() / w.size();
  Numbers y(size, 0);
  for (std::size_t i = 0; i < x.size(); ++i) y[i % size] += a[i / size] * x[i];
  return y;
}

template <class T>
void check(std::size_t layers, std::size_t n, std::size_t columns) {
  const std::size_t size = n * columns;
  const Guarded<T> w(random_numbers(layers, 1, 3)), a(layers), y(size);
  Numbers all;
  kernels::softmax_of_layers(w.vector(), a.vector());
  for (std::size_t j = 0; j < layers; ++j) {
    const Guarded<T> x(random_numbers(size, 10 + j));
    kernels::add_layer(a.vector(), static_cast<int>(j), x.matrix(n, columns), y.matrix(n, columns),
                       j > 0);
    const Numbers values = x.host();
    all.insert(all.end(), values.begin(), values.end());
  }
  const double tolerance = 4 * rounding<T>(static_cast<double>(layers));  // exponents up to 3
  expect_close(a.host(), softmax(w.host()), tolerance, "softmax");
  expect_close(y.host(), mixed(w.host(), all), tolerance, "mix");
}

TEST(LayerMix, EqualsTheFormula) {
  for (const std::size_t layers : {1, 2, 33})
    for (const auto& [n, columns] : {std::pair<std::size_t, std::size_t>{1, 1}, {5, 7}, {3, 64}}) {
      check<float>(layers, n, columns);
      check<double>(layers, n, columns);
    }
}

TEST(LayerMix, GradientByDifferences) {
  constexpr std::size_t layers = 4, n = 5, columns = 7, size = n * columns;
  Bench bench;
  const Numbers start = random_numbers(layers + layers * size, 1), dy = random_numbers(size, 2);
  const auto split = start.begin() + static_cast<std::ptrdiff_t>(layers);
  const Guarded<double> w(Numbers(start.begin(), split)), a(layers), da(layers),
      dw(random_numbers(layers, 3)), dy_(dy);
  const Numbers before = dw.host();
  kernels::softmax_of_layers(w.vector(), a.vector());
  Numbers dx;
  for (std::size_t j = 0; j < layers; ++j) {
    const auto begin = split + static_cast<std::ptrdiff_t>(j * size);
    const Guarded<double> x(Numbers(begin, begin + static_cast<std::ptrdiff_t>(size))), dx_(size);
    kernels::layer_weight_gradient(bench.scratch, x.matrix(n, columns), dy_.matrix(n, columns),
                                   static_cast<int>(j), da.vector());
    kernels::add_layer(a.vector(), static_cast<int>(j), dy_.matrix(n, columns),
                       dx_.matrix(n, columns), false);
    const Numbers values = dx_.host();
    dx.insert(dx.end(), values.begin(), values.end());
  }
  EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
  kernels::softmax_of_layers_backward(a.vector(), da.vector(), dw.vector());
  Numbers gradient = dw.host();
  for (std::size_t j = 0; j < layers; ++j) gradient[j] -= before[j];
  gradient.insert(gradient.end(), dx.begin(), dx.end());
  expect_gradient(
      "layer mix",
      [&](const Numbers& v) {
        const auto end = v.begin() + static_cast<std::ptrdiff_t>(layers);
        return dot(mixed({v.begin(), end}, {end, v.end()}), dy);
      },
      start, gradient, static_cast<double>(size));
}

}  // namespace
