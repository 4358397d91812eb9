// Cross-modal retrieval: from the ranks of true partners to recall, mean reciprocal rank, median
// rank and mean percentile rank, with bootstrap intervals, beside what chance and a ranker that
// knows lengths alone would reach.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace jespr {

/// Where a query's true partner stands in its gallery: below `higher` rows, level with `tied` ones.
/// Ties are taken as broken at random, and every measure below is the expectation over that: so a
/// constant embedding scores exactly chance.
struct PartnerRank {
  int higher = 0;
  int tied = 0;

  bool operator==(const PartnerRank&) const = default;
};

/// 1 + higher + tied / 2: the expected rank, 1 is best.
double expected_rank(PartnerRank rank);

/// Probability that the partner is among the first k: (k - higher) / (tied + 1) within [0, 1].
double recall_at(PartnerRank rank, std::int64_t k);

/// (m - expected rank) / (m - 1) in a gallery of m > 1 rows: the share of the other rows that the
/// partner is above. 1 is perfect, 0.5 chance, 0 the opposite of what was asked.
double percentile_rank(PartnerRank rank, int gallery);

/// A measure and its 95 % interval; without one its ends are not numbers.
struct Estimate {
  double value = 0;
  double lower = std::numeric_limits<double>::quiet_NaN();
  double upper = lower;

  bool has_interval() const { return !std::isnan(lower); }
};

/// The measures of a set of queries.
struct RetrievalMeasures {
  std::vector<Estimate> recall;  // one for each k asked for
  Estimate reciprocal_rank;      // mean of 1 / rank
  Estimate median_rank;
  Estimate percentile;  // mean percentile rank
};

/// Both directions and the two together: pooled measures see 2 B queries.
struct RetrievalReport {
  int gallery = 0;  // B, rows of the gallery, and as many queries in each direction
  std::vector<std::int64_t> recall_at;
  RetrievalMeasures sequence_to_structure, structure_to_sequence, pooled;
};

/// The ranks of B proteins' partners, in both directions.
struct PartnerRanks {
  std::vector<PartnerRank> sequence_to_structure;  // query: sequence, gallery: all structures
  std::vector<PartnerRank> structure_to_sequence;

  int gallery() const { return static_cast<int>(sequence_to_structure.size()); }
};

/// Measures of `ranks` (B > 1). Intervals, of more than 0 samples, are those between the 2.5
/// and 97.5 percentiles of `samples` bootstrap samples (Efron 1979): B proteins are drawn with
/// replacement, each with both of its ranks; the gallery stays. A pure function of its arguments
/// (Philox).
RetrievalReport report_retrieval(const PartnerRanks& ranks, std::span<const std::int64_t> recall_at,
                                 int samples, std::uint64_t seed);

/// What random scores reach on average among B rows: recall k / B, reciprocal rank (1 + 1/2 + ... +
/// 1/B) / B, median rank (B + 1) / 2, percentile 0.5; without intervals.
RetrievalReport chance_retrieval(int gallery, std::span<const std::int64_t> recall_at);

/// The ranks by the score -|L_i - L_j|, which knows lengths alone: of the residues that each
/// encoder was shown. Where both were shown the same, nothing is above the partner and all proteins
/// of its length are level with it.
PartnerRanks rank_by_length(std::span<const int> sequences, std::span<const int> structures);

}  // namespace jespr
