// Crops: inside the chain, uniform, the same whenever they are asked for.
#include "data/crop.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/shards.hpp"

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

TEST(crop, sub_sequences_lie_in_what_the_structure_shows) {
  const CropRule rule{
      .seed = 3, .max_length = 100, .shortest = 0.5, .sequence_crops = 4, .crop_length = 60};
  for (const int length : {1, 2, 7, 59, 60, 61, 99, 100, 101, 400})
    for (std::int64_t epoch = 0; epoch < 50; ++epoch) {
      const Windows drawn = rule.draw(epoch, 12, length);
      const int most = std::min(length, 60);
      EXPECT_EQ(drawn.structure.length(), std::min(length, 100)) << "whole, up to max_length";
      ASSERT_EQ(drawn.sequences(), 4);
      for (int crop = 0; crop < 4; ++crop) {
        EXPECT_GE(drawn.sequence_crop(crop).length(), (most + 1) / 2);
        EXPECT_LE(drawn.sequence_crop(crop).length(), most);
        EXPECT_GE(drawn.sequence_crop(crop).begin, drawn.structure.begin);
        EXPECT_LE(drawn.sequence_crop(crop).end, drawn.structure.end);
      }
    }
}

TEST(crop, sub_sequences_are_uniform_and_each_its_own) {
  const CropRule rule{
      .seed = 3, .max_length = 100, .shortest = 1, .sequence_crops = 2, .crop_length = 20};
  constexpr int draws = 8000, places = 31;
  const double middle = (places - 1) / 2.0;
  std::vector<int> count(places);
  double product = 0, square = 0;
  for (int i = 0; i < draws; ++i) {
    const Windows drawn = rule.draw(i / 100, i % 100, 50);
    const int first = drawn.sequence_crop(0).begin, second = drawn.sequence_crop(1).begin;
    ++count[static_cast<std::size_t>(first)];
    ++count[static_cast<std::size_t>(second)];
    product += (first - middle) * (second - middle);
    square += (first - middle) * (first - middle);
  }
  const double expected = 2.0 * draws / places;
  for (const int n : count) EXPECT_NEAR(n, expected, 5 * std::sqrt(expected));  // 5 deviations
  EXPECT_NEAR(product / square, 0, 5 / std::sqrt(double(draws)));
}

TEST(crop, a_sub_sequence_is_the_same_however_many_follow) {
  const CropRule two{.seed = 3, .max_length = 100, .sequence_crops = 2, .crop_length = 40};
  CropRule five = two;
  five.sequence_crops = 5;
  const Windows few = two.draw(4, 5, 300), many = five.draw(4, 5, 300);
  EXPECT_EQ(few.structure, many.structure);
  EXPECT_EQ(few.sequence_crop(0), many.sequence_crop(0));
  EXPECT_EQ(few.sequence_crop(1), many.sequence_crop(1));
}

/// One crop as long as the window is no crop: the same draws as without.
TEST(crop, one_whole_sub_sequence_is_the_window_of_both) {
  const CropRule together{.seed = 3, .max_length = 100};
  const CropRule one{.seed = 3, .max_length = 100, .shortest = 1, .sequence_crops = 1};
  for (const int length : {1, 50, 100, 101, 1000})
    EXPECT_EQ(one.draw(6, 7, length), together.draw(6, 7, length));
}

TEST(crop, none_is_longer_than_the_fullest) {
  const CropRule rules[] = {
      {.seed = 3, .max_length = 100},
      {.seed = 3, .max_length = 100, .independent = true},
      {.seed = 3, .max_length = 100, .sequence_crops = 3},
      {.seed = 3, .max_length = 100, .shortest = 1, .sequence_crops = 3, .crop_length = 30}};
  for (const CropRule& rule : rules)
    for (const int length : {1, 29, 31, 100, 150}) {
      const Windows fullest = rule.fullest(length);
      std::int64_t most = 0;
      for (int epoch = 0; epoch < 200; ++epoch)
        most = std::max(most, rows_of(rule.draw(epoch, 1, length)));
      EXPECT_LE(most, rows_of(fullest));
      EXPECT_EQ(fullest.sequences(), std::max(1, rule.sequence_crops));
      if (rule.shortest == 1) {
        EXPECT_EQ(most, rows_of(fullest));
      }
    }
  EXPECT_EQ(rules[3].fullest(150).structure, (Window{25, 125}));
  EXPECT_EQ(rules[3].fullest(150).sequence_crop(2), (Window{60, 90}));
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
