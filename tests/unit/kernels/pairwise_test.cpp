// Tiles of the losses that see all pairs, and partners side by side, against serial loops; tiles
// cut rows and columns anywhere.
#include "kernels/pairwise.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/arrays.hpp"
#include "support/differences.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

constexpr std::size_t rows = 5, columns = 7;
constexpr int row0 = 4, column0 = 2;  // the partners of rows 0 .. 4 are columns 2 .. 6
constexpr int own_of(std::size_t i) { return row0 + static_cast<int>(i) - column0; }

/// Columns 2 .. 8 of matrices whose proteins have one row and one column, or three of either: of
/// three rows each 6, 7, 8 have a partner there; of three columns each row 0 has one, 1 has three.
struct Tile {
  kernels::Partners partners;
  int row0;
};
const std::vector<Tile> tiles = {{kernels::one_to_one, row0}, {{3, 1}, row0}, {{1, 3}, 0}};

template <class T>
void check_sigmoid(const Tile& shape) {
  const kernels::Partners& partners = shape.partners;
  const Numbers s = random_numbers(rows * columns, 1, 6);
  const double bias = -1.5, factor = 0.25;
  Numbers losses(rows, 0.5), along(rows, 0.5), totals(rows, 0.5), gradient;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) {
      const int row = shape.row0 + static_cast<int>(i), column = column0 + static_cast<int>(j);
      const double z = row / partners.rows == column / partners.columns ? 1 : -1,
                   value = s[i * columns + j];
      const double g = -factor * z / (1 + std::exp(z * (value + bias)));
      losses[i] += std::log(1 + std::exp(-z * (value + bias)));
      along[i] += g * value;
      totals[i] += g;
      gradient.push_back(g);
    }
  const Guarded<T> tile(s), found_losses(Numbers(rows, 0.5)), dscale(Numbers(rows, 0.5)),
      dbias(Numbers(rows, 0.5));
  kernels::sigmoid_tile(tile.matrix(rows, columns), shape.row0, column0, T(bias), T(factor),
                        found_losses.vector(), dscale.vector(), dbias.vector(), partners);
  const double tolerance = rounding<T>(columns);
  expect_close(tile.host(), gradient, tolerance, "gradient of the logits");
  expect_close(found_losses.host(), losses, tolerance, "losses of rows");
  expect_close(dscale.host(), along, tolerance, "gradient of the logit scale");
  expect_close(dbias.host(), totals, tolerance, "gradient of the bias");
}

TEST(Pairwise, SigmoidTile) {
  for (const Tile& shape : tiles) {
    check_sigmoid<float>(shape);
    check_sigmoid<double>(shape);
  }
}

TEST(Pairwise, SigmoidOfLargeLogitsIsFinite) {
  const Guarded<float> tile(Numbers{1e4, -1e4, 1e4, -1e4}), losses(Numbers(2, 0)),
      dscale(Numbers(2, 0)), dbias(Numbers(2, 0));
  kernels::sigmoid_tile(tile.matrix(2, 2), 0, 0, 0.0f, 1.0f, losses.vector(), dscale.vector(),
                        dbias.vector());
  EXPECT_EQ(losses.host(), (Numbers{0, 2e4}));
  EXPECT_EQ(tile.host(), (Numbers{0, 0, 1, -1}));
}

template <class T>
void check_distances() {
  const std::size_t width = 3;
  const Numbers x = random_numbers(rows * width, 2), y = random_numbers(columns * width, 3);
  const auto square = [&](const Numbers& a, std::size_t i, const Numbers& b, std::size_t j) {
    double sum = 0;
    for (std::size_t c = 0; c < width; ++c) sum += std::pow(a[i * width + c] - b[j * width + c], 2);
    return sum;
  };
  const auto squares_of = [&](const Numbers& a, std::size_t n) {
    Numbers squares;
    for (std::size_t i = 0; i < n; ++i) squares.push_back(square(a, i, Numbers(a.size(), 0), i));
    return squares;
  };
  Numbers products, nearness, gaussians, sums(rows, 0.5);
  const double sharpness = 1.5;
  const Numbers x_squares = squares_of(x, rows), y_squares = squares_of(y, columns);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) {
      double product = 0;
      for (std::size_t c = 0; c < width; ++c) product += x[i * width + c] * y[j * width + c];
      products.push_back(product);
      nearness.push_back((x_squares[i] - square(x, i, y, j)) / 2);
      gaussians.push_back(
          static_cast<int>(j) == own_of(i) ? 0 : std::exp(-sharpness * square(x, i, y, j)));
      sums[i] += gaussians.back();
    }
  const double tolerance = rounding<T>(columns);
  const Guarded<T> device_x(x), device_y(y), found_x(rows), found_y(columns);
  kernels::row_squares(device_x.matrix(rows, width), found_x.vector());
  kernels::row_squares(device_y.matrix(columns, width), found_y.vector());
  expect_close(found_x.host(), x_squares, tolerance, "squares of rows");
  const Guarded<T> near(products), gauss(products), found_sums(Numbers(rows, 0.5));
  kernels::nearness_tile(near.matrix(rows, columns), found_y.vector());
  expect_close(near.host(), nearness, tolerance, "nearness");
  kernels::gaussian_tile(gauss.matrix(rows, columns), row0, column0, found_x.vector(),
                         found_y.vector(), T(sharpness), found_sums.vector());
  expect_close(gauss.host(), gaussians, tolerance, "gaussians");
  expect_close(found_sums.host(), sums, tolerance, "sums of gaussians");
}

TEST(Pairwise, NearnessAndGaussians) {
  check_distances<float>();
  check_distances<double>();
}

/// The gradient of sum_ij exp(-t |x_i - x_j|^2), from weights, their sums and pulls.
TEST(Pairwise, RepulsionIsTheGradientOfTheSumOfGaussians) {
  const std::size_t width = 3;
  const double sharpness = 1.5;
  const Numbers x = random_numbers(rows * width, 4);
  const auto weight = [&](const Numbers& v, std::size_t i, std::size_t j) {
    double sum = 0;
    for (std::size_t c = 0; c < width; ++c) sum += std::pow(v[i * width + c] - v[j * width + c], 2);
    return i == j ? 0 : std::exp(-sharpness * sum);
  };
  Numbers sums(rows, 0), pulls(rows * width, 0);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < rows; ++j) {
      sums[i] += weight(x, i, j);
      for (std::size_t c = 0; c < width; ++c)
        pulls[i * width + c] += weight(x, i, j) * x[j * width + c];
    }
  const Guarded<double> device_x(x), device_sums(sums), device_pulls(pulls),
      gradient(Numbers(rows * width, 0));
  kernels::add_repulsion(device_x.matrix(rows, width), device_sums.vector(),
                         device_pulls.matrix(rows, width), -4 * sharpness,
                         gradient.matrix(rows, width));
  const auto total = [&](const Numbers& v) {
    double sum = 0;
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < rows; ++j) sum += weight(v, i, j);
    return sum;
  };
  expect_gradient("sum of gaussians", total, x, gradient.host());
}

template <class T>
void check_partners() {
  const Numbers x = random_numbers(rows * columns, 5), y = random_numbers(rows * columns, 6);
  Numbers squares(rows, 0), dx, dy;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t c = 0; c < columns; ++c) {
      const double difference = x[i * columns + c] - y[i * columns + c];
      squares[i] += difference * difference;
      dx.push_back(0.5 * difference);
      dy.push_back(-0.5 * difference);
    }
  const Guarded<T> device_x(x), device_y(y), found_dx(rows * columns), found_dy(rows * columns);
  const Guarded<double> found(rows);
  kernels::pull_partners(device_x.matrix(rows, columns), device_y.matrix(rows, columns), T(0.5),
                         found_dx.matrix(rows, columns), found_dy.matrix(rows, columns),
                         found.vector());
  expect_close(found.host(), squares, rounding<double>(columns), "squares");
  expect_close(found_dx.host(), dx, rounding<T>(1), "gradient of x");
  expect_close(found_dy.host(), dy, rounding<T>(1), "gradient of y");
}

TEST(Pairwise, PartnersPullEachOther) {
  check_partners<float>();
  check_partners<double>();
}

}  // namespace
