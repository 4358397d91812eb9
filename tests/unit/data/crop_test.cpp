// Crops: inside the chain, uniform, the same whenever they are asked for.
#include "data/crop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace jespr::data {
namespace {

TEST(crop, shows_short_chains_whole_and_long_ones_in_part) {
  const CropRule rule{.seed = 3, .max_length = 64};
  for (const int length : {1, 2, 63, 64, 65, 500}) {
    for (std::int64_t epoch = 0; epoch < 50; ++epoch) {
      const Windows drawn = rule.draw(epoch, 12, length);
      EXPECT_EQ(drawn.sequence, drawn.structure);
      EXPECT_EQ(drawn.sequence.length(), std::min(length, 64));
      EXPECT_GE(drawn.sequence.begin, 0);
      EXPECT_LE(drawn.sequence.end, length);
    }
  }
}

TEST(crop, is_uniform_over_places) {
  const CropRule rule{.seed = 3, .max_length = 10};
  std::vector<int> count(5);
  constexpr int draws = 5000;
  for (int i = 0; i < draws; ++i)
    ++count[static_cast<std::size_t>(rule.draw(i / 100, i % 100, 14).sequence.begin)];
  for (const int n : count) EXPECT_NEAR(n, draws / 5, 5 * 28.3);  // 5 deviations, binomial
}

TEST(crop, differs_by_seed_epoch_and_protein_only) {
  const CropRule rule{.seed = 3, .max_length = 100};
  const Windows drawn = rule.draw(4, 5, 1 << 20);
  EXPECT_EQ(drawn, rule.draw(4, 5, 1 << 20));
  EXPECT_NE(drawn, rule.draw(5, 5, 1 << 20));
  EXPECT_NE(drawn, rule.draw(4, 6, 1 << 20));
  EXPECT_NE(drawn, (CropRule{.seed = 4, .max_length = 100}.draw(4, 5, 1 << 20)));
}

TEST(crop, independent_windows_hide_length_and_place) {
  const CropRule rule{.seed = 3, .max_length = 100, .independent = true, .shortest = 0.5};
  double sum_sequence = 0, sum_structure = 0, sum_product = 0, sum_square = 0;
  constexpr int draws = 4000;
  for (int i = 0; i < draws; ++i) {
    const Windows drawn = rule.draw(0, i, 400);
    for (const Window& window : {drawn.sequence, drawn.structure}) {
      EXPECT_GE(window.length(), 50);
      EXPECT_LE(window.length(), 100);
      EXPECT_GE(window.begin, 0);
      EXPECT_LE(window.end, 400);
    }
    const double s = drawn.sequence.length() - 75.0, g = drawn.structure.length() - 75.0;
    sum_sequence += s, sum_structure += g, sum_product += s * g, sum_square += s * s;
  }
  // Uniform on 50 .. 100: mean 75, variance (51^2 - 1) / 12 = 216.7; no correlation.
  const double deviation = std::sqrt(216.7 / draws);
  EXPECT_NEAR(sum_sequence / draws, 0, 5 * deviation);
  EXPECT_NEAR(sum_structure / draws, 0, 5 * deviation);
  EXPECT_NEAR(sum_square / draws, 216.7, 15);
  EXPECT_NEAR(sum_product / sum_square, 0, 5 / std::sqrt(double(draws)));
}

TEST(crop, independent_windows_of_tiny_chains_are_not_empty) {
  const CropRule rule{.seed = 3, .max_length = 100, .independent = true, .shortest = 0.01};
  for (int length = 1; length < 5; ++length)
    for (int i = 0; i < 100; ++i) {
      const Windows drawn = rule.draw(0, i, length);
      EXPECT_GE(drawn.sequence.length(), 1);
      EXPECT_GE(drawn.structure.length(), 1);
      EXPECT_LE(std::max(drawn.sequence.end, drawn.structure.end), length);
    }
}

TEST(crop, cuts_the_centre) {
  EXPECT_EQ(central_crop(64, 64).sequence, (Window{0, 64}));
  EXPECT_EQ(central_crop(65, 64).sequence, (Window{0, 64}));
  EXPECT_EQ(central_crop(66, 64).structure, (Window{1, 65}));
  EXPECT_EQ(central_crop(101, 64).structure, (Window{18, 82}));
  EXPECT_EQ(central_crop(3, 64).sequence, (Window{0, 3}));
}

}  // namespace
}  // namespace jespr::data
