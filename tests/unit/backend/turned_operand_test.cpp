// TurnedOperand: transposes around the sizes of its blocks, and when it grows.
#include "backend/turned_operand.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

TEST(TurnedOperand, IsTheTransposeWithoutGaps) {
  TurnedOperand turned;
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

TEST(TurnedOperand, GrowsOnlyBeyondTheLargest) {
  TurnedOperand turned;
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
