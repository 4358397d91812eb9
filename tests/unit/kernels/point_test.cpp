// Points of space: products, softened and hard unit vectors, and what must be exactly 0.
#include "kernels/point.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/arrays.hpp"

namespace {

using namespace jespr::test;
using jespr::kernels::Point;
namespace kernels = jespr::kernels;

std::vector<double> numbers(Point a) { return {a.x, a.y, a.z}; }

const Point a{1, -2, 3}, b{0.5, 4, -1}, zero{};

TEST(Point, SumsAndProducts) {
  EXPECT_EQ(numbers(a + b), (std::vector<double>{1.5, 2, 2}));
  EXPECT_EQ(numbers(a - b), (std::vector<double>{0.5, -6, 4}));
  EXPECT_EQ(numbers(-2.0 * a), (std::vector<double>{-2, 4, -6}));
  EXPECT_EQ(kernels::dot(a, b), -10.5);
  EXPECT_EQ(numbers(kernels::cross(a, b)), (std::vector<double>{-10, 2.5, 5}));
}

/// Numbers whose products round: parallel vectors still have no cross product at all, and a
/// difference of nearly equal products keeps its digits.
TEST(Point, DifferencesOfProductsDoNotCancel) {
  const Point rough{0.1, 0.7, -1.3};
  for (const double factor : {1.0, -1.0})
    EXPECT_EQ(numbers(kernels::cross(rough, factor * rough)), (std::vector<double>{0, 0, 0}));
  const double x = 1 + 0x1p-30, y = 1 - 0x1p-30;  // x y = 1 - 2^-60, which rounds to 1
  EXPECT_EQ(x * y, 1);
  EXPECT_EQ(kernels::difference_of_products(x, y, 1, 1), -0x1p-60);
}

TEST(Point, UnitVectors) {
  const double length = std::sqrt(14.0);
  EXPECT_NEAR(kernels::soft_length(a), std::sqrt(14 + 1e-8), rounding<double>(3) * length);
  expect_close(numbers(kernels::soft_unit(a)), numbers((1 / std::sqrt(14 + 1e-8)) * a),
               rounding<double>(4), "softened");
  expect_close(numbers(kernels::hard_unit(a)), numbers((1 / length) * a), rounding<double>(4),
               "hard");
  EXPECT_EQ(kernels::soft_length(zero), std::sqrt(1e-8));
  EXPECT_EQ(numbers(kernels::soft_unit(zero)), numbers(zero));
  EXPECT_EQ(numbers(kernels::hard_unit(zero)), numbers(zero));
  EXPECT_NEAR(kernels::hard_unit({1e-13, 0, 0}).x, 0.1, 1e-15) << "divided by 1e-12 at least";
}

}  // namespace
