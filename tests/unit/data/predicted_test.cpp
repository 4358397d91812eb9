// Predicted residues: the rule of BERT and its shares, and the next residue.
#include <gtest/gtest.h>

#include <algorithm>

#include "data/alphabet.hpp"
#include "data/batch.hpp"
#include "unit/data/chains.hpp"

namespace jespr::data {
namespace {

constexpr int length = 4000;

ShardRows rows_of(Predicted predicted, std::int64_t epoch = 0, int chain_length = length) {
  ShardRows rows;
  const Augmentation augmentation{.seed = 5, .predicted = predicted, .predicted_fraction = 0.15};
  append_protein(rows, 3, made_up_protein(3, chain_length), whole_chain(chain_length), augmentation,
                 epoch);
  return rows;
}

TEST(predicted, next_is_the_following_token) {
  const ShardRows rows = rows_of(Predicted::next, 0, 3);
  const std::vector<int>& tokens = rows.sequence.tokens;
  EXPECT_EQ(tokens, tokenize(made_up_protein(3, 3).sequence)) << "nothing is hidden";
  EXPECT_EQ(rows.sequence.targets,
            (std::vector<int>{tokens[1], tokens[2], tokens[3], token_end, -1}));
}

TEST(predicted, masked_are_hidden_by_the_rule_of_bert) {
  const std::vector<int> whole = tokenize(made_up_protein(3, length).sequence);
  const SequenceRows shown = rows_of(Predicted::masked).sequence;
  ASSERT_EQ(shown.targets.size(), whole.size());
  int predicted = 0, masked = 0, replaced = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (shown.targets[i] < 0) {
      EXPECT_EQ(shown.tokens[i], whole[i]) << "what is not predicted is shown";
      continue;
    }
    EXPECT_EQ(shown.targets[i], whole[i]);
    ++predicted;
    masked += shown.tokens[i] == token_mask;
    replaced += shown.tokens[i] != token_mask && shown.tokens[i] != whole[i];
  }
  EXPECT_EQ(shown.targets.front(), -1);
  EXPECT_EQ(shown.targets.back(), -1);
  // Five standard deviations of binomials of 4000, and of some 600 of them.
  EXPECT_NEAR(predicted, 0.15 * length, 5 * 22.6);
  EXPECT_NEAR(masked, 0.8 * predicted, 5 * 9.8);
  EXPECT_NEAR(replaced, 0.095 * predicted, 5 * 7.2) << "one of 20 random residues is the same";
}

TEST(predicted, masks_differ_by_epoch_and_repeat) {
  EXPECT_EQ(rows_of(Predicted::masked, 4).sequence.targets,
            rows_of(Predicted::masked, 4).sequence.targets);
  EXPECT_NE(rows_of(Predicted::masked, 4).sequence.targets,
            rows_of(Predicted::masked, 5).sequence.targets);
}

TEST(predicted, nothing_has_no_targets) {
  EXPECT_TRUE(rows_of(Predicted::nothing).sequence.targets.empty());
}

}  // namespace
}  // namespace jespr::data
