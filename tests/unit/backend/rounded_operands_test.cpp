// Rounded copies of operands: their numbers, what is kept between updates, and when they grow.
#include "backend/rounded_operands.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

std::vector<float> numbers(std::size_t n, std::uint64_t seed) {
  return converted<float>(random_numbers(n, seed));
}
float value(float x) { return x; }
float value(Bf16 x) { return to_f32(x); }

template <class E>
class RoundedOperandsOf : public testing::Test {};
using Elements = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(RoundedOperandsOf, Elements);

TYPED_TEST(RoundedOperandsOf, AreTheRoundedNumbersWithoutGaps) {
  using Operands = RoundedOperands<TypeParam>;
  Operands operands;
  const std::array<int, 3> shapes[] = {{1, 1, 1}, {3, 7, 7}, {5, 7, 10}, {2, 9001, 9001}};
  for (const auto& [rows, columns, stride] : shapes)
    for (const auto side : {Operands::left, Operands::right}) {
      const std::vector<float> x = numbers(static_cast<std::size_t>(rows * stride), 1);
      const auto copy = operands.round(side, x.data(), rows, columns, stride);
      EXPECT_EQ(copy.stride, columns);
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j)
          ASSERT_EQ(value(copy.data[i * columns + j]),
                    to_f32(to_bf16(x[static_cast<std::size_t>(i * stride + j)])))
              << rows << " x " << columns << ": " << i << ", " << j;
    }
}

TYPED_TEST(RoundedOperandsOf, BothSidesHoldAtATime) {
  using Operands = RoundedOperands<TypeParam>;
  Operands operands;
  const std::vector<float> x = {1, 2}, y = {3, 4};
  const auto left = operands.round(Operands::left, x.data(), 1, 2, 2);
  const auto right = operands.round(Operands::right, y.data(), 1, 2, 2);
  EXPECT_EQ(value(left.data[1]), 2);
  EXPECT_EQ(value(right.data[1]), 4);
}

TYPED_TEST(RoundedOperandsOf, KeptOnesAreRoundedOncePerVersion) {
  using Operands = RoundedOperands<TypeParam>;
  Operands operands;
  std::vector<float> weights = numbers(60, 2);
  std::uint64_t version = 7;
  operands.keep(weights.data(), weights.size(), version);
  // Columns [1, 4) of the matrix [5, 6] that begins at the 20th number.
  const auto part = [&] { return operands.round(Operands::right, &weights[21], 5, 3, 6); };
  EXPECT_EQ(part().stride, 6) << "it lies as the weights do";
  const float before = to_f32(to_bf16(weights[21]));
  EXPECT_EQ(value(part().data[0]), before);
  EXPECT_EQ(value(part().data[6]), to_f32(to_bf16(weights[27])));
  weights[21] = 2;
  EXPECT_EQ(value(part().data[0]), before) << "nobody said that they changed";
  ++version;
  EXPECT_EQ(value(part().data[0]), 2);

  const std::vector<float> other = {5};
  EXPECT_EQ(value(operands.round(Operands::right, other.data(), 1, 1, 1).data[0]), 5);
  operands.forget(weights.data());
  weights[21] = 3;
  EXPECT_EQ(value(part().data[0]), 3);
}

TYPED_TEST(RoundedOperandsOf, ALeftOneThatStaysIsRoundedOnce) {
  using Operands = RoundedOperands<TypeParam>;
  Operands operands;
  std::vector<float> x = {1, 2, 3, 4}, y = {5, 6, 7, 8};
  const auto first_of = [&](typename Operands::Side side, const std::vector<float>& from,
                            int rows) {
    return value(operands.round(side, from.data(), rows, 4 / rows, 4 / rows).data[0]);
  };
  const auto change = [&] { x[0] += 1; };
  EXPECT_EQ(first_of(Operands::left, x, 2), 1);
  change();
  EXPECT_EQ(first_of(Operands::left, x, 2), 2) << "nobody said that it stays";
  change();
  operands.let_left_stay(true);
  EXPECT_EQ(first_of(Operands::left, x, 2), 3) << "what was there before counts for nothing";
  change();
  EXPECT_EQ(first_of(Operands::left, x, 2), 3);
  EXPECT_EQ(first_of(Operands::left, x, 1), 4) << "another shape";
  change();
  EXPECT_EQ(first_of(Operands::right, x, 1), 5) << "the other side";
  EXPECT_EQ(first_of(Operands::left, x, 1), 4);
  EXPECT_EQ(first_of(Operands::left, y, 1), 5);
  EXPECT_EQ(first_of(Operands::left, x, 1), 5) << "another one came between";
  change();
  operands.let_left_stay(false);
  EXPECT_EQ(first_of(Operands::left, x, 1), 6);
}

TYPED_TEST(RoundedOperandsOf, GrowOnlyBeyondTheLargest) {
  using Operands = RoundedOperands<TypeParam>;
  Operands operands;
  const std::vector<float> x = numbers(1000, 3);
  const auto take = [&](int n) { operands.round(Operands::left, x.data(), 1, n, n); };
  take(100);
  EXPECT_EQ(operands.bytes(), 100 * sizeof(TypeParam));
  take(60);
  EXPECT_EQ(operands.bytes(), 100 * sizeof(TypeParam));
  operands.reserve(0.5);
  EXPECT_EQ(operands.bytes(), 100 * sizeof(TypeParam));
  operands.reserve(2.5);
  EXPECT_EQ(operands.bytes(), 250 * sizeof(TypeParam));
  take(250);
  EXPECT_EQ(operands.bytes(), 250 * sizeof(TypeParam));
  take(251);
  EXPECT_EQ(operands.bytes(), 251 * sizeof(TypeParam));
}

}  // namespace
