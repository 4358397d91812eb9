// Philox4x32-10: known answers, uniform and normal numbers, streams.
#include "base/philox.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace {

using namespace jespr;

void expect_block(PhiloxKey key, PhiloxBlock counter, PhiloxBlock expected) {
  const PhiloxBlock found = philox(key, counter);
  for (int lane = 0; lane < 4; ++lane) EXPECT_EQ(found.word[lane], expected.word[lane]);
}

/// The test vectors published with Random123 1.14 (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  expect_block({{0, 0}}, {{0, 0, 0, 0}}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
  constexpr std::uint32_t ones = 0xffffffff;
  expect_block({{ones, ones}}, {{ones, ones, ones, ones}},
               {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
  expect_block({{0xa4093822, 0x299f31d0}}, {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
               {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

TEST(Philox, UniformNumbersAreInsideTheInterval) {
  EXPECT_GT(uniform(0u), 0);
  EXPECT_LT(uniform(0xffffffffu), 1);
  EXPECT_GT(uniform(0u, 0u), 0);
  EXPECT_LT(uniform(0xffffffffu, 0xffffffffu), 1);
}

/// Mean and mean square within 5 standard deviations of their estimators.
TEST(Philox, MomentsOfTheNormalNumbers) {
  constexpr std::uint32_t n = 200000;
  double sum = 0, squares = 0, product = 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    const NormalPair pair = normal_pair(philox({{7, 8}}, {{i, 0, 0, 0}}));
    sum += pair.first + pair.second;
    squares += pair.first * pair.first + pair.second * pair.second;
    product += pair.first * pair.second;
  }
  EXPECT_NEAR(sum / (2 * n), 0, 5 / std::sqrt(2.0 * n));
  EXPECT_NEAR(squares / (2 * n), 1, 5 * std::sqrt(2.0 / (2 * n)));
  EXPECT_NEAR(product / n, 0, 5 / std::sqrt(1.0 * n));
}

TEST(PhiloxStream, IsAFunctionOfSeedPurposeAndIndex) {
  const auto draws = [](std::uint64_t seed, const char* purpose, std::uint64_t index) {
    PhiloxStream stream(seed, purpose, index);
    std::vector<std::uint32_t> words;
    for (int i = 0; i < 9; ++i) words.push_back(stream.word());
    return words;
  };
  const auto words = draws(1, "shuffle", 0);
  EXPECT_EQ(words, draws(1, "shuffle", 0));
  EXPECT_NE(words, draws(2, "shuffle", 0));
  EXPECT_NE(words, draws(std::uint64_t{1} << 32 | 1, "shuffle", 0));
  EXPECT_NE(words, draws(1, "crop", 0));
  EXPECT_NE(words, draws(1, "shuffle", 1));
}

/// Each of 7 outcomes within 5 standard deviations of a fair die's.
TEST(PhiloxStream, BelowIsFair) {
  constexpr std::uint32_t sides = 7, n = 70000;
  PhiloxStream stream(3, "die");
  std::vector<int> count(sides, 0);
  for (std::uint32_t i = 0; i < n; ++i) ++count.at(stream.below(sides));
  for (int c : count) EXPECT_NEAR(c, n / sides, 5 * std::sqrt(n / sides));
  EXPECT_EQ(stream.below(1), 0u);
}

TEST(Philox, BlocksInARowAreTheSameBlocks) {
  const PhiloxKey key{{11, 12}};
  for (const int blocks : {1, 3, 16, 17, 40}) {
    std::vector<std::uint32_t> words(static_cast<std::size_t>(4 * blocks) + 1, 99);
    philox_blocks(key, {5, 6, 7}, 0xFFFFFFF0u, blocks, words.data());
    for (int b = 0; b < blocks; ++b) {
      const PhiloxBlock one = philox(key, {{5, 6, 7, 0xFFFFFFF0u + static_cast<std::uint32_t>(b)}});
      for (int w = 0; w < 4; ++w)
        EXPECT_EQ(words[static_cast<std::size_t>(4 * b + w)], one.word[w]) << blocks << " " << b;
    }
    EXPECT_EQ(words.back(), 99u);
  }
}

}  // namespace
