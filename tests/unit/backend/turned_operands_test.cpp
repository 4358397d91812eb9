// TurnedOperands: transposes around the sizes of their blocks, what is kept between updates, and
// when they grow.
#include "backend/turned_operands.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

TEST(TurnedOperands, AreTransposesWithoutGaps) {
  TurnedOperands turned;
  const std::array<int, 3> shapes[] = {{1, 1, 1}, {15, 7, 7}, {16, 256, 256}, {33, 300, 305}};
  for (const auto& [rows, columns, stride] : shapes) {
    const auto b = converted<float>(random_numbers(static_cast<std::size_t>(rows * stride), 1));
    const float* const out = turned.turn(b.data(), rows, columns, stride);
    for (int i = 0; i < rows; ++i)
      for (int k = 0; k < columns; ++k)
        ASSERT_EQ(out[k * rows + i], b[static_cast<std::size_t>(i * stride + k)])
            << rows << " x " << columns << ": " << i << ", " << k;
  }
}

TEST(TurnedOperands, KeptOnesAreTurnedOncePerVersion) {
  TurnedOperands turned;
  std::vector<float> weights = {1, 2, 3, 4, 5, 6, 7, 8};
  std::uint64_t version = 7;
  turned.keep(weights.data(), weights.size(), version);
  const auto last_of = [&](int first, int rows, int columns) {
    const float* const out =
        turned.turn(&weights[static_cast<std::size_t>(first)], rows, columns, columns);
    return out[rows * columns - 1];
  };
  EXPECT_EQ(last_of(0, 2, 3), 6);
  EXPECT_EQ(last_of(2, 3, 2), 8);
  weights[5] = 60, weights[7] = 80;
  EXPECT_EQ(last_of(0, 2, 3), 6) << "nobody said that they changed";
  EXPECT_EQ(last_of(0, 3, 2), 60) << "another shape at the same place";
  EXPECT_EQ(last_of(2, 3, 2), 8);
  ++version;
  EXPECT_EQ(last_of(0, 2, 3), 60);
  EXPECT_EQ(last_of(2, 3, 2), 80);
  turned.forget(weights.data());
  EXPECT_EQ(turned.bytes(), 0u);
  weights[5] = 61;
  EXPECT_EQ(last_of(0, 2, 3), 61);
}

TEST(TurnedOperands, GrowOnlyBeyondTheLargest) {
  TurnedOperands turned;
  const std::vector<float> b(300);
  turned.turn(b.data(), 10, 20, 20);
  turned.turn(b.data(), 10, 10, 20);
  EXPECT_EQ(turned.bytes(), 200 * sizeof(float));
  turned.reserve(1.5);
  EXPECT_EQ(turned.bytes(), 300 * sizeof(float));
  turned.turn(b.data(), 15, 20, 20);
  EXPECT_EQ(turned.bytes(), 300 * sizeof(float));
}

}  // namespace
