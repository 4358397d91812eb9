// Rounding to bf16: every number that has one, the middle between any two, and what is no number.
#include "backend/bf16.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "backend/bf16_units.hpp"

namespace {

using namespace jespr;

constexpr std::uint16_t sign = 0x8000, infinity = 0x7f80;

float number(unsigned bits) { return to_f32({static_cast<std::uint16_t>(bits)}); }
int rounded(float x) { return to_bf16(x).bits; }

/// From zero over subnormal numbers to the largest, whose successor is infinity: so the middle
/// behind it, where rounding begins to overflow, is like every other.
TEST(Bf16, RoundsToNearestTiesToEven) {
  for (const unsigned mark : {0u, unsigned{sign}})
    for (unsigned bits = 0; bits < infinity; ++bits) {
      const unsigned here = mark | bits, next = here + 1, even = here + (here & 1);
      const float x = number(here);
      const auto middle = std::bit_cast<float>((here << 16) | 0x8000u);
      ASSERT_EQ(rounded(x), static_cast<int>(here)) << x;
      ASSERT_EQ(rounded(middle), static_cast<int>(even)) << middle;
      ASSERT_EQ(rounded(std::nextafter(middle, 0.0f)), static_cast<int>(here)) << middle;
      const float away = std::copysign(std::numeric_limits<float>::infinity(), middle);
      ASSERT_EQ(rounded(std::nextafter(middle, away)), static_cast<int>(next)) << middle;
    }
}

TEST(Bf16, HasEightSignificantBits) {
  constexpr double roundoff = 0x1p-8;
  for (float x = 0x1p-126f; x < 0x1p126f; x *= 1.0173f)
    EXPECT_LE(std::abs(to_f32(to_bf16(x)) - x), roundoff * static_cast<double>(x)) << x;
  EXPECT_EQ(to_f32(to_bf16(1 + 0x1p-8f)), 1) << "the bound is reached";
}

TEST(Bf16, InfinitiesStay) {
  const float infinite = std::numeric_limits<float>::infinity();
  EXPECT_EQ(to_f32(to_bf16(infinite)), infinite);
  EXPECT_EQ(to_f32(to_bf16(-infinite)), -infinite);
  EXPECT_EQ(to_f32(to_bf16(std::numeric_limits<float>::max())), infinite);
  EXPECT_TRUE(std::signbit(to_f32(to_bf16(-0.0f))));
}

/// Also those whose payload lies in the half that is cut off, or would carry into the sign.
TEST(Bf16, NotANumberStaysSo) {
  for (const std::uint32_t bits : {0x7f800001u, 0x7f80ffffu, 0x7fc00000u, 0x7fffffffu, 0xff800001u,
                                   0xffc00000u, 0xffffffffu}) {
    const auto x = std::bit_cast<float>(bits);
    EXPECT_TRUE(std::isnan(to_f32(to_bf16(x)))) << std::hex << bits;
    EXPECT_EQ(std::signbit(to_f32(to_bf16(x))), std::signbit(x)) << std::hex << bits;
  }
}

/// Around all middles, of all but numbers below the normal range; infinities and what is no number
/// among them.
TEST(Bf16, VectorsOfPairsRoundAsSingleNumbers) {
  constexpr std::size_t lanes = simd_lanes<Bf16Pair>;
  std::vector<float> x;
  for (unsigned upper = 0; upper <= 0xffff; ++upper)
    for (const unsigned lower : {0x0u, 0x1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      if (upper & infinity) x.push_back(std::bit_cast<float>(upper << 16 | lower));
  ASSERT_GT(x.size(), 390000u);
  for (std::size_t i = 0; i + 2 * lanes <= x.size(); i += 2 * lanes) {
    Bf16Pair of_two_rows[lanes], of_one[lanes];
    store(of_two_rows, bf16_pairs(load(&x[i]), load(&x[i + lanes])));
    store(of_one, bf16_pairs_of(&x[i]));
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      ASSERT_EQ(of_two_rows[lane], bf16_pair(x[i + lane], x[i + lanes + lane])) << i;
      ASSERT_EQ(of_one[lane], bf16_pair(x[i + 2 * lane], x[i + 2 * lane + 1])) << i;
    }
  }
}

}  // namespace
