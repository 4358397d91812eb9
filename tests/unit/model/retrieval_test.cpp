// Measures of retrieval: perfect, random, tied, by length; and what their intervals cover.
#include "model/retrieval.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace {

using namespace jespr;

const std::vector<std::int64_t> recall_list = {1, 5, 10, 50};

/// Ranks that random scores would give: each partner anywhere, independently.
PartnerRanks random_ranks(int proteins, std::uint64_t seed) {
  PhiloxStream stream(seed, "ranks");
  PartnerRanks ranks;
  for (int b = 0; b < proteins; ++b) {
    const auto gallery = static_cast<std::uint32_t>(proteins);
    ranks.sequence_to_structure.push_back({static_cast<int>(stream.below(gallery)), 0});
    ranks.structure_to_sequence.push_back({static_cast<int>(stream.below(gallery)), 0});
  }
  return ranks;
}

TEST(Retrieval, PerfectRanksScoreOne) {
  const std::vector<PartnerRank> first(40, {0, 0});
  const RetrievalReport report = report_retrieval({first, first}, recall_list, 100, 1);
  for (const auto* m :
       {&report.sequence_to_structure, &report.structure_to_sequence, &report.pooled}) {
    for (const Estimate& recall : m->recall) EXPECT_EQ(recall.value, 1.0);
    EXPECT_EQ(m->percentile.value, 1.0);
    EXPECT_EQ(m->percentile.lower, 1.0);
    EXPECT_EQ(m->median_rank.value, 1.0);
    EXPECT_EQ(m->reciprocal_rank.upper, 1.0);
  }
}

TEST(Retrieval, MeasuresOfAFewRanksByHand) {
  // Ranks 1, 3, 2.5 (tied: 2 or 3) one way and 4, 1, 1 the other, in a gallery of 4.
  PartnerRanks ranks{{{0, 0}, {2, 0}, {1, 1}}, {{3, 0}, {0, 0}, {0, 0}}};
  ranks.sequence_to_structure.push_back({0, 3});
  ranks.structure_to_sequence.push_back({1, 0});
  const std::vector<std::int64_t> two = {2};
  const RetrievalReport report = report_retrieval(ranks, two, 0, 1);
  const RetrievalMeasures& forth = report.sequence_to_structure;
  const RetrievalMeasures& back = report.structure_to_sequence;
  EXPECT_EQ(report.gallery, 4);
  EXPECT_FALSE(forth.percentile.has_interval()) << "without samples";
  EXPECT_TRUE(std::isnan(forth.recall[0].upper)) << "without samples";
  EXPECT_DOUBLE_EQ(forth.recall[0].value, (1 + 0 + 0.5 + 0.5) / 4);
  EXPECT_DOUBLE_EQ(forth.reciprocal_rank.value,
                   (1 + 1.0 / 3 + (1.0 / 2 + 1.0 / 3) / 2 + (25.0 / 12) / 4) / 4);
  EXPECT_DOUBLE_EQ(forth.median_rank.value, 2.5);
  EXPECT_DOUBLE_EQ(forth.percentile.value, (3.0 + 1.0 + 1.5 + 1.5) / 3 / 4);
  EXPECT_DOUBLE_EQ(back.recall[0].value, 0.75);
  EXPECT_DOUBLE_EQ(back.median_rank.value, 1.5);
  EXPECT_DOUBLE_EQ(report.pooled.recall[0].value, (0.5 + 0.75) / 2);
  EXPECT_DOUBLE_EQ(report.pooled.median_rank.value, 2.25);  // 1 1 1 2 | 2.5 2.5 3 4
}

TEST(Retrieval, AConstantEmbeddingScoresChance) {
  const int proteins = 77;
  const std::vector<PartnerRank> level(proteins, {0, proteins - 1});
  const RetrievalReport report = report_retrieval({level, level}, recall_list, 50, 1);
  const RetrievalReport chance = chance_retrieval(proteins, recall_list);
  for (std::size_t k = 0; k < recall_list.size(); ++k) {
    EXPECT_EQ(report.pooled.recall[k].value, chance.pooled.recall[k].value);
    EXPECT_DOUBLE_EQ(chance.pooled.recall[k].value, static_cast<double>(recall_list[k]) / proteins);
  }
  double harmonic = 0;
  for (int r = 1; r <= proteins; ++r) harmonic += 1.0 / r;
  EXPECT_NEAR(chance.pooled.reciprocal_rank.value, harmonic / proteins, 1e-15);
  EXPECT_EQ(chance.pooled.median_rank.value, 39.0);
  EXPECT_EQ(report.pooled.percentile.value, 0.5);
  EXPECT_EQ(report.pooled.percentile.lower, 0.5);
  EXPECT_EQ(chance.pooled.percentile.value, 0.5);
  EXPECT_TRUE(report.pooled.percentile.has_interval());
  EXPECT_FALSE(chance.pooled.percentile.has_interval());
}

TEST(Retrieval, LengthAloneScoresOneHalfAmongEqualLengths) {
  const std::vector<int> equal(471, 64);
  const RetrievalReport report =
      report_retrieval(rank_by_length(equal, equal), recall_list, 100, 1);
  EXPECT_EQ(report.pooled.percentile.value, 0.5);
  EXPECT_EQ(report.pooled.percentile.lower, 0.5);
  EXPECT_EQ(report.pooled.percentile.upper, 0.5);
}

TEST(Retrieval, LengthAloneFindsItsOwnLength) {
  const std::vector<int> lengths = {64, 80, 64, 81, 64};
  const PartnerRanks ranks = rank_by_length(lengths, lengths);
  const std::vector<PartnerRank> expected = {{0, 2}, {0, 0}, {0, 2}, {0, 0}, {0, 2}};
  EXPECT_EQ(ranks.sequence_to_structure, expected);
  EXPECT_EQ(ranks.structure_to_sequence, expected);
  EXPECT_DOUBLE_EQ(report_retrieval(ranks, recall_list, 0, 1).pooled.percentile.value,
                   1 - 3 * 0.25 / 5);
}

// |5 - 7| = 2 has 6, 4 and 5 before it in the gallery; |9 - 6| = 3 has 7; and so on.
TEST(Retrieval, LengthAloneSeesThatPartnersDiffer) {
  const std::vector<int> sequences = {5, 9, 4, 5}, structures = {7, 6, 4, 5};
  const PartnerRanks ranks = rank_by_length(sequences, structures);
  const std::vector<PartnerRank> expected = {{3, 0}, {1, 0}, {0, 0}, {0, 0}};
  EXPECT_EQ(ranks.sequence_to_structure, expected);
}

// 200 experiments: a 95 % interval holds the truth in 190 of them, give or take 3.1; four
// deviations below is 177. Each measure's interval is also no wider than it should be.
TEST(Retrieval, IntervalsCoverTheTruth) {
  const int experiments = 200, proteins = 150;
  const double percentile_deviation = std::sqrt(1.0 / 12 / (2.0 * proteins));
  int percentile_covered = 0, recall_covered = 0;
  double width = 0;
  for (int e = 0; e < experiments; ++e) {
    const RetrievalReport report = report_retrieval(
        random_ranks(proteins, static_cast<std::uint64_t>(e)), recall_list, 300, 5);
    const Estimate percentile = report.pooled.percentile, recall = report.pooled.recall[3];
    percentile_covered += percentile.lower <= 0.5 && 0.5 <= percentile.upper;
    recall_covered += recall.lower <= 50.0 / proteins && 50.0 / proteins <= recall.upper;
    width += (percentile.upper - percentile.lower) / experiments;
  }
  EXPECT_GE(percentile_covered, 177);
  EXPECT_GE(recall_covered, 177);
  EXPECT_NEAR(width, 2 * 1.96 * percentile_deviation, 0.1 * width);
}

TEST(Retrieval, BothRanksOfAProteinAreDrawnTogether) {
  // Pooled percentiles all agree, so no resampling of whole proteins can move the mean.
  PartnerRanks ranks;
  for (int b = 0; b < 100; ++b) {
    ranks.sequence_to_structure.push_back({b, 0});
    ranks.structure_to_sequence.push_back({99 - b, 0});
  }
  const RetrievalReport report = report_retrieval(ranks, recall_list, 200, 1);
  EXPECT_NEAR(report.pooled.percentile.lower, 0.5, 1e-12);
  EXPECT_NEAR(report.pooled.percentile.upper, 0.5, 1e-12);
  EXPECT_LT(report.sequence_to_structure.percentile.lower, 0.48);
}

TEST(Retrieval, IsAFunctionOfItsSeed) {
  const PartnerRanks ranks = random_ranks(60, 1);
  const auto lower = [&](std::uint64_t seed) {
    return report_retrieval(ranks, recall_list, 100, seed).pooled.percentile.lower;
  };
  EXPECT_EQ(lower(3), lower(3));
  EXPECT_NE(lower(3), lower(4));
}

TEST(Retrieval, OneProteinIsNoGallery) {
  const std::vector<PartnerRank> one(1);
  EXPECT_THROW(report_retrieval({one, one}, recall_list, 10, 1), Error);
}

}  // namespace
