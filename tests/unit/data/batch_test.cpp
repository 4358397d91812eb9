// Batch: packed rows of windows, start and end rows, missing residues, noise, masks.
#include "data/batch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "unit/data/chains.hpp"

namespace jespr::data {
namespace {

Protein reader(int identity) { return made_up_protein(identity, 20 + identity); }

TEST(batch, packs_windows_between_start_and_end) {
  ShardRows rows;
  append_protein(rows, 3, made_up_protein(3, 12), {{2, 5}, {3, 8}});
  append_protein(rows, 8, made_up_protein(8, 1), whole_chain(1));
  EXPECT_EQ(rows.identity, (std::vector<int>{3, 8}));
  EXPECT_EQ(rows.sequence.rows, (std::vector<int>{5, 3}));
  EXPECT_EQ(rows.structure.rows, (std::vector<int>{7, 3}));
  const Protein first = made_up_protein(3, 12), second = made_up_protein(8, 1);
  const auto token = [](char letter) { return token_of(letter); };
  EXPECT_EQ(rows.sequence.tokens,
            (std::vector<int>{0, token(first.sequence[2]), token(first.sequence[3]),
                              token(first.sequence[4]), 2, 0, token(second.sequence[0]), 2}));
  ASSERT_EQ(rows.structure.coordinates.size(), 90u);
  const float confidence[] = {-1, 1 / 4.0f, 1 / 5.0f, 1 / 6.0f, 1 / 7.0f, 1 / 8.0f, -1, -1, 1, -1};
  for (std::size_t row = 0; row < 10; ++row) {
    EXPECT_EQ(rows.structure.confidence[row], confidence[row]);
    for (std::size_t number = 0; number < 9; ++number) {
      const float found = rows.structure.coordinates[9 * row + number];
      if (confidence[row] == -1 || row == 2)  // a mark, or residue 4, which is NaN
        EXPECT_EQ(found, std::numeric_limits<float>::infinity());
      else if (row < 7)
        EXPECT_EQ(found, first.coordinates[9 * (3 + row - 1) + number]);
      else
        EXPECT_EQ(found, second.coordinates[number]);
    }
  }
}

/// The reference takes a residue whose N has no x for padding; here it is a row like any other.
TEST(batch, not_a_number_is_missing_and_not_padding) {
  Protein protein = made_up_protein(0, 4);
  protein.coordinates[2 * 9] = std::numeric_limits<float>::quiet_NaN();  // x of N alone
  ShardRows rows;
  append_protein(rows, 0, protein, whole_chain(4));
  EXPECT_EQ(rows.structure.rows, (std::vector<int>{6}));
  EXPECT_EQ(rows.structure.coordinates[3 * 9], std::numeric_limits<float>::infinity());
  for (std::size_t number = 1; number < 9; ++number)
    EXPECT_EQ(rows.structure.coordinates[3 * 9 + number], protein.coordinates[2 * 9 + number]);
  EXPECT_EQ(rows.structure.confidence[3], protein.confidence[2]) << "not that of a mark";
}

TEST(batch, changes_do_not_depend_on_neighbours_or_window) {
  const Augmentation augmentation{.seed = 5, .coordinate_noise = 0.1, .masked_fraction = 0.3};
  ShardRows alone, behind, part;
  append_protein(alone, 40, reader(40), whole_chain(60), augmentation, 2);
  append_protein(behind, 1, reader(1), whole_chain(21), augmentation, 2);
  append_protein(behind, 40, reader(40), whole_chain(60), augmentation, 2);
  append_protein(part, 40, reader(40), {{10, 30}, {10, 30}}, augmentation, 2);
  const auto tail = [](const auto& all, std::size_t n) {
    return std::vector(all.end() - static_cast<std::ptrdiff_t>(n), all.end());
  };
  EXPECT_EQ(tail(behind.sequence.tokens, 62), alone.sequence.tokens);
  EXPECT_EQ(tail(behind.structure.coordinates, 62 * 9), alone.structure.coordinates);
  for (std::size_t i = 1; i <= 20; ++i) {
    EXPECT_EQ(part.sequence.tokens[i], alone.sequence.tokens[i + 10]);
    EXPECT_EQ(part.structure.coordinates[9 * i], alone.structure.coordinates[9 * (i + 10)]);
  }
}

TEST(batch, changes_differ_by_seed_epoch_and_protein) {
  const auto rows = [](std::uint64_t seed, std::int64_t epoch, int identity) {
    ShardRows result;
    append_protein(result, identity, made_up_protein(0, 100), whole_chain(100),
                   {.seed = seed, .coordinate_noise = 0.1, .masked_fraction = 0.3}, epoch);
    result.identity.clear();
    return result;
  };
  const ShardRows some = rows(1, 0, 0);
  EXPECT_TRUE(some == rows(1, 0, 0));
  for (const ShardRows& other : {rows(2, 0, 0), rows(1, 1, 0), rows(1, 0, 1)}) {
    EXPECT_NE(some.sequence.tokens, other.sequence.tokens);
    EXPECT_NE(some.structure.coordinates, other.structure.coordinates);
  }
}

TEST(batch, noise_is_normal_and_moves_present_atoms_only) {
  constexpr double deviation = 0.2;
  constexpr int length = 4000;
  Protein protein = made_up_protein(0, length);
  for (float& number : protein.coordinates)
    if (std::isfinite(number)) number = 1;
  protein.coordinates[4] = std::numeric_limits<float>::infinity();  // y of the first CA
  ShardRows rows;
  append_protein(rows, 0, protein, whole_chain(length), {.seed = 1, .coordinate_noise = deviation});
  double sum = 0, squares = 0, fourth = 0, neighbours = 0, before = 0;
  int count = 0;
  for (std::size_t i = 0; i < protein.coordinates.size(); ++i) {
    const float moved = rows.structure.coordinates[9 + i];
    if (i >= 3 && i < 6) {  // an atom with one bad number stays as it is
      EXPECT_TRUE(i == 4 ? std::isinf(moved) : moved == 1);
    } else if (std::isfinite(protein.coordinates[i])) {
      const double z = (moved - 1) / deviation;
      sum += z, squares += z * z, fourth += z * z * z * z, neighbours += z * before;
      before = z;
      ++count;
    } else {
      EXPECT_EQ(moved, std::numeric_limits<float>::infinity());
    }
  }
  // Moments of the normal distribution within 5 deviations of their estimates.
  const double root = std::sqrt(double(count));
  EXPECT_NEAR(sum / count, 0, 5 / root);
  EXPECT_NEAR(squares / count, 1, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(fourth / count, 3, 5 * std::sqrt(96.0) / root);
  EXPECT_NEAR(neighbours / count, 0, 5 / root);
}

TEST(batch, masks_a_share_of_the_residues_never_the_marks) {
  constexpr int length = 10000;
  const Protein protein = made_up_protein(0, length);
  ShardRows masked, plain;
  append_protein(masked, 0, protein, whole_chain(length), {.seed = 1, .masked_fraction = 0.15});
  append_protein(plain, 0, protein, whole_chain(length));
  EXPECT_EQ(masked.sequence.tokens.front(), plain.sequence.tokens.front());
  EXPECT_EQ(masked.sequence.tokens.back(), token_end);
  int count = 0;
  for (std::size_t i = 0; i < plain.sequence.tokens.size(); ++i) {
    if (masked.sequence.tokens[i] == token_mask)
      ++count;
    else
      EXPECT_EQ(masked.sequence.tokens[i], plain.sequence.tokens[i]);
  }
  EXPECT_NEAR(count, 1500, 5 * 35.7);  // 5 binomial deviations
  EXPECT_TRUE(masked.structure.coordinates == plain.structure.coordinates);
}

TEST(batch, training_rows_follow_the_crop_rule) {
  const CropRule crop{.seed = 9, .max_length = 25};
  const Shard shard = {{4, 24, -1}, {30, 50, -1}};
  const ShardRows rows = training_rows(shard, reader, crop, {}, 6);
  ShardRows expected;
  append_protein(expected, 4, reader(4), whole_chain(24));
  append_protein(expected, 30, reader(30), crop.draw(6, 30, 50));
  EXPECT_TRUE(rows == expected);
  EXPECT_EQ(rows.sequence.rows, (std::vector<int>{26, 27}));
}

TEST(batch, crops_of_a_sequence_stand_beside_one_structure) {
  ShardRows rows, window;
  append_protein(rows, 3, made_up_protein(3, 30), {{2, 12}, {0, 30}, {{20, 30}, {2, 12}}});
  append_protein(rows, 8, made_up_protein(8, 9), {{0, 4}, {0, 9}, {{1, 6}, {3, 9}}});
  append_protein(window, 3, made_up_protein(3, 30), {{20, 30}, {0, 30}});
  EXPECT_EQ(rows.identity, (std::vector<int>{3, 8}));
  EXPECT_EQ(rows.proteins(), 2);
  EXPECT_EQ(rows.sequences(), 6);
  EXPECT_EQ(rows.sequence.rows, (std::vector<int>{12, 12, 12, 6, 7, 8}));
  EXPECT_EQ(rows.structure.rows, (std::vector<int>{32, 11}));
  EXPECT_TRUE(std::equal(window.sequence.tokens.begin(), window.sequence.tokens.end(),
                         rows.sequence.tokens.begin() + 12));
  const std::set<int> names(rows.sequence.identity.begin(), rows.sequence.identity.end());
  EXPECT_EQ(names.size(), 6u) << "dropout of each crop is its own";
  EXPECT_EQ(rows.sequence.identity[0], 3) << "the first crop is named as the protein";
  EXPECT_EQ(rows.sequence.identity[3], 8);
}

/// What is hidden of the second crop of the same window is not what is hidden of the first.
TEST(batch, crops_of_a_sequence_have_masks_of_their_own) {
  constexpr int length = 2000;
  for (const Augmentation& augmentation :
       {Augmentation{.seed = 5, .masked_fraction = 0.5},
        Augmentation{.seed = 5, .predicted = Predicted::masked, .predicted_fraction = 0.625}}) {
    ShardRows once, twice;
    append_protein(once, 3, made_up_protein(3, length), whole_chain(length), augmentation);
    append_protein(twice, 3, made_up_protein(3, length), {{0, length}, {0, length}, {{0, length}}},
                   augmentation);
    const auto second = twice.sequence.tokens.begin() + length + 2;
    EXPECT_TRUE(std::equal(once.sequence.tokens.begin(), once.sequence.tokens.end(),
                           twice.sequence.tokens.begin()));
    int first = 0, both = 0;
    for (int i = 0; i < length + 2; ++i) {
      const bool hidden = once.sequence.tokens[static_cast<std::size_t>(i)] == token_mask;
      first += hidden;
      both += hidden && second[i] == token_mask;
    }
    const double half = length / 2.0, quarter = length / 4.0;  // both kinds show half as <mask>
    EXPECT_NEAR(first, half, 5 * std::sqrt(half / 2));
    EXPECT_NEAR(both, quarter, 5 * std::sqrt(quarter * 0.75));
    const bool predicts = augmentation.predicted == Predicted::masked;
    EXPECT_EQ(twice.sequence.targets.size(), predicts ? twice.sequence.tokens.size() : 0u);
  }
}

TEST(batch, fullest_rows_have_the_longest_windows) {
  const CropRule crop{
      .seed = 9, .max_length = 25, .shortest = 0.2, .sequence_crops = 2, .crop_length = 12};
  const ShardRows rows = fullest_rows({{4, 24, -1}, {30, 50, -1}}, reader, crop);
  EXPECT_EQ(rows.structure.rows, (std::vector<int>{26, 27}));
  EXPECT_EQ(rows.sequence.rows, (std::vector<int>{14, 14, 14, 14}));
}

TEST(batch, plain_rows_are_whole_or_central) {
  const Shard shard = {{4, 24, -1}, {30, 50, -1}};
  EXPECT_EQ(plain_rows(shard, reader).structure.rows, (std::vector<int>{26, 52}));
  const ShardRows rows = plain_rows(shard, reader, 20);
  EXPECT_EQ(rows.structure.rows, (std::vector<int>{22, 22}));
  EXPECT_EQ(rows.structure.coordinates[9], reader(4).coordinates[2 * 9]);
}

TEST(batch, refuses_proteins_that_do_not_fit_together) {
  const auto text = [](const Protein& protein, const Windows& windows) {
    ShardRows rows;
    try {
      append_protein(rows, 6, protein, windows);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::data);
      return std::string(error.what());
    }
    return std::string();
  };
  Protein protein = made_up_protein(1, 3);
  EXPECT_EQ(text(protein, {{0, 4}, {0, 3}}),
            "chain 6 (made_up_1): residues up to 4 are asked for, it has 3");
  EXPECT_EQ(text(protein, {{0, 3}, {0, 3}, {{0, 2}, {1, 5}}}),
            "chain 6 (made_up_1): residues up to 5 are asked for, it has 3");
  protein.confidence.pop_back();
  EXPECT_EQ(text(protein, whole_chain(3)),
            "chain 6 (made_up_1): 3 residues, but 27 coordinates and 2 confidences");
  protein = made_up_protein(1, 3);
  protein.sequence[1] = 'j';
  EXPECT_NE(text(protein, whole_chain(3)).find("'j'"), std::string::npos);
}

}  // namespace
}  // namespace jespr::data
