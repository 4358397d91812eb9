// Columns of a batch: centred, and the criterion of their variance and covariance with its
// gradient.
#include "kernels/covariance.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/arrays.hpp"
#include "support/differences.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

constexpr std::size_t rows = 9, columns = 5;

Numbers centred(Numbers x) {
  for (std::size_t c = 0; c < columns; ++c) {
    double mean = 0;
    for (std::size_t i = 0; i < rows; ++i) mean += x[i * columns + c] / rows;
    for (std::size_t i = 0; i < rows; ++i) x[i * columns + c] -= mean;
  }
  return x;
}

Numbers covariance_of(const Numbers& x) {
  const Numbers z = centred(x);
  Numbers c(columns * columns, 0);
  for (std::size_t a = 0; a < columns; ++a)
    for (std::size_t b = 0; b < columns; ++b)
      for (std::size_t i = 0; i < rows; ++i)
        c[a * columns + b] += z[i * columns + a] * z[i * columns + b] / (rows - 1);
  return c;
}

template <class T>
void check_centring() {
  const Numbers x = random_numbers(rows * columns, 1, 3);
  const Guarded<T> found(x);
  kernels::centre_columns(found.matrix(rows, columns));
  expect_close(found.host(), centred(x), rounding<T>(rows), "centred columns");
}

TEST(Covariance, ColumnsAreCentred) {
  check_centring<float>();
  check_centring<double>();
}

/// Columns of deviations below and above the target.
Numbers example() {
  Numbers x = random_numbers(rows * columns, 2);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= 0.6 + static_cast<double>(i % columns);
  return x;
}

/// v sum of hinges + c / 4 sum of squares: what the factors of the gradient below belong to.
double criterion_of(const Numbers& x, double v, double c) {
  const Numbers covariance = covariance_of(x);
  double sum = 0;
  for (std::size_t a = 0; a < columns; ++a) {
    sum += v * std::max(0.0, 1 - std::sqrt(covariance[a * columns + a] + 1e-4));
    for (std::size_t b = 0; b < columns; ++b)
      if (a != b) sum += c / 4 * std::pow(covariance[a * columns + b], 2);
  }
  return sum;
}

template <class T>
void check_spread() {
  const Numbers covariance = covariance_of(example());
  kernels::SpreadCriterion criterion;
  criterion.variance = 2;
  criterion.covariance = 3;
  Numbers hinges, squares(columns, 0), gradient = covariance;
  for (std::size_t a = 0; a < columns; ++a) {
    const double deviation = std::sqrt(covariance[a * columns + a] + criterion.eps);
    hinges.push_back(std::max(0.0, 1 - deviation));
    for (std::size_t b = 0; b < columns; ++b) {
      double& value = gradient[a * columns + b];
      if (a != b) squares[a] += value * value;
      value = a != b ? 3 * value : (deviation < 1 ? -2 / deviation : 0);
    }
  }
  ASSERT_TRUE(hinges.front() > 0 && hinges.back() == 0) << "columns that can show it";
  const Guarded<T> found(covariance);
  const Guarded<double> found_hinges(columns), found_squares(columns);
  kernels::spread_gradient(found.matrix(columns, columns), criterion, found_hinges.vector(),
                           found_squares.vector());
  const double tolerance = rounding<T>(columns);
  expect_close(found_hinges.host(), hinges, tolerance, "hinges");
  expect_close(found_squares.host(), squares, tolerance, "squares");
  expect_close(found.host(), gradient, tolerance, "gradient by the covariance");
}

TEST(Covariance, SpreadOfColumns) {
  check_spread<float>();
  check_spread<double>();
}

TEST(Covariance, SpreadGradientByTheRows) {
  const Numbers x = example(), z = centred(x);
  kernels::SpreadCriterion criterion;
  criterion.variance = 2;
  criterion.covariance = 3;
  const Guarded<double> g(covariance_of(x)), hinges(columns), squares(columns);
  kernels::spread_gradient(g.matrix(columns, columns), criterion, hinges.vector(),
                           squares.vector());
  const Numbers factor = g.host();
  Numbers gradient(rows * columns, 0);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t a = 0; a < columns; ++a)
      for (std::size_t b = 0; b < columns; ++b)
        gradient[i * columns + a] += z[i * columns + b] * factor[b * columns + a] / (rows - 1);
  expect_gradient(
      "spread", [](const Numbers& v) { return criterion_of(v, 2, 3); }, x, gradient, 10, 1.0 / 256);
}

}  // namespace
