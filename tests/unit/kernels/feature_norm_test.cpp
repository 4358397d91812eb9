// The norm of the dihedral embedding: against its formula, and its gradients.
#include "kernels/feature_norm.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

Numbers reference(const Numbers& x, const Numbers& gain, const Numbers& bias) {
  const std::size_t columns = gain.size();
  const auto n = static_cast<double>(columns);
  Numbers y(x.size());
  for (std::size_t row = 0; row < x.size(); row += columns) {
    double mean = 0, variance = 0;
    for (std::size_t c = 0; c < columns; ++c) mean += x[row + c] / n;
    for (std::size_t c = 0; c < columns; ++c) variance += std::pow(x[row + c] - mean, 2) / (n - 1);
    for (std::size_t c = 0; c < columns; ++c)
      y[row + c] = gain[c] * (x[row + c] - mean) / (std::sqrt(variance + 1e-6) + 1e-6) + bias[c];
  }
  return y;
}

template <class T>
void check(std::size_t n, std::size_t columns) {
  const Guarded<T> x(random_numbers(n * columns, 1)), gain(random_numbers(columns, 2)),
      bias(random_numbers(columns, 3)), y(n * columns), mean(n), sigma(n);
  kernels::feature_norm(x.matrix(n, columns), gain.vector(), bias.vector(), y.matrix(n, columns),
                        mean.vector(), sigma.vector());
  expect_close(y.host(), reference(x.host(), gain.host(), bias.host()),
               rounding<T>(static_cast<double>(columns)), "feature norm");
}

TEST(FeatureNorm, EqualsTheFormula) {
  check<float>(1, 2);
  check<float>(5, 33);
  check<double>(130, 64);
}

TEST(FeatureNorm, GradientByDifferences) {
  constexpr std::size_t n = 4, columns = 11;
  const Numbers x = random_numbers(n * columns, 4), gain = random_numbers(columns, 5),
                bias = random_numbers(columns, 6), w = random_numbers(n * columns, 7);
  Bench bench;
  const Guarded<double> x_(x), gain_(gain), bias_(bias), y(x.size()), mean(n), sigma(n), dy(w),
      dx(x.size()), dgain(Numbers(columns, 0.0)), dbias(Numbers(columns, 0.0));
  kernels::feature_norm(x_.matrix(n, columns), gain_.vector(), bias_.vector(), y.matrix(n, columns),
                        mean.vector(), sigma.vector());
  kernels::feature_norm_backward(dy.matrix(n, columns), x_.matrix(n, columns), mean.vector(),
                                 sigma.vector(), gain_.vector(), dx.matrix(n, columns));
  kernels::feature_norm_parameter_gradients(bench.scratch, dy.matrix(n, columns),
                                            x_.matrix(n, columns), mean.vector(), sigma.vector(),
                                            dgain.vector(), dbias.vector());
  const double size = n * columns;
  expect_gradient(
      "x", [&](const Numbers& v) { return dot(reference(v, gain, bias), w); }, x, dx.host(), size);
  expect_gradient(
      "gain", [&](const Numbers& v) { return dot(reference(x, v, bias), w); }, gain, dgain.host(),
      size);
  expect_gradient(
      "bias", [&](const Numbers& v) { return dot(reference(x, gain, v), w); }, bias, dbias.host(),
      size);
}

}  // namespace
