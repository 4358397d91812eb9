// Measures of retrieval.
#include "model/retrieval.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace jespr {
namespace {

constexpr double lower_tail = 0.025, upper_tail = 0.975;  // of a 95 % interval

/// H[r] = 1 + 1/2 + ... + 1/r, r <= n.
std::vector<double> harmonic_numbers(int n) {
  std::vector<double> sums(static_cast<std::size_t>(n) + 1, 0.0);
  for (int r = 1; r <= n; ++r)
    sums[static_cast<std::size_t>(r)] = sums[static_cast<std::size_t>(r) - 1] + 1.0 / r;
  return sums;
}

/// What a query adds to each mean, one after the other: recalls, reciprocal rank, percentile.
struct Terms {
  explicit Terms(int rows, std::span<const std::int64_t> list)
      : gallery(rows), recall_at(list), harmonic(harmonic_numbers(rows)) {}

  std::size_t size() const { return recall_at.size() + 2; }

  void write(PartnerRank rank, double* terms) const {
    for (const std::int64_t k : recall_at) *terms++ = jespr::recall_at(rank, k);
    const auto above = static_cast<std::size_t>(rank.higher);
    const auto level = static_cast<std::size_t>(rank.tied) + 1;
    *terms++ = (harmonic[above + level] - harmonic[above]) / static_cast<double>(level);
    *terms = percentile_rank(rank, gallery);
  }

  int gallery;
  std::span<const std::int64_t> recall_at;
  std::vector<double> harmonic;
};

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(values.begin(), middle));
}

/// Quantile q of sorted values, linear between the two nearest.
double quantile(const std::vector<double>& sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

constexpr std::size_t queries_of_protein = 2;  // sequence to structure, structure to sequence

/// All statistics of one (re)sample of proteins: for each direction and then pooled, the means of
/// Terms, then the median rank.
class Sample {
 public:
  Sample(const PartnerRanks& ranks, const Terms& terms)
      : proteins_(ranks.sequence_to_structure.size()), terms_(terms.size()) {
    table_.resize(proteins_ * queries_of_protein * terms_);
    ranks_.resize(proteins_ * queries_of_protein);
    for (std::size_t b = 0; b < proteins_; ++b) {
      const PartnerRank of_protein[] = {ranks.sequence_to_structure[b],
                                        ranks.structure_to_sequence[b]};
      for (std::size_t d = 0; d < queries_of_protein; ++d) {
        const std::size_t query = queries_of_protein * b + d;
        terms.write(of_protein[d], &table_[query * terms_]);
        ranks_[query] = expected_rank(of_protein[d]);
      }
    }
  }

  std::size_t proteins() const { return proteins_; }
  std::size_t statistics() const { return (queries_of_protein + 1) * (terms_ + 1); }

  std::vector<double> statistics_of(std::span<const std::uint32_t> chosen) {
    const std::size_t width = queries_of_protein * terms_;
    std::vector<double> sums(width, 0.0);
    for (const std::uint32_t b : chosen)
      for (std::size_t t = 0; t < width; ++t) sums[t] += table_[b * width + t];
    const auto count = static_cast<double>(chosen.size());
    std::vector<double> result;
    for (std::size_t d = 0; d < queries_of_protein; ++d) {
      for (std::size_t t = 0; t < terms_; ++t) result.push_back(sums[d * terms_ + t] / count);
      result.push_back(median_rank(chosen, d, d + 1));
    }
    for (std::size_t t = 0; t < terms_; ++t)
      result.push_back((sums[t] + sums[terms_ + t]) / (2 * count));
    result.push_back(median_rank(chosen, 0, queries_of_protein));
    return result;
  }

 private:
  double median_rank(std::span<const std::uint32_t> chosen, std::size_t first, std::size_t last) {
    drawn_.clear();
    for (const std::uint32_t b : chosen)
      for (std::size_t d = first; d < last; ++d)
        drawn_.push_back(ranks_[queries_of_protein * b + d]);
    return median(drawn_);
  }

  std::size_t proteins_, terms_;
  std::vector<double> table_;  // [B, 2, terms]
  std::vector<double> ranks_;  // [B, 2]
  std::vector<double> drawn_;
};

/// The measures whose estimates begin at `place`; the place behind them.
std::size_t unpack(const std::vector<Estimate>& estimates, std::size_t place, std::size_t recalls,
                   RetrievalMeasures& measures) {
  for (std::size_t k = 0; k < recalls; ++k) measures.recall.push_back(estimates[place++]);
  measures.reciprocal_rank = estimates[place++];
  measures.percentile = estimates[place++];
  measures.median_rank = estimates[place++];
  return place;
}

/// Partners in a gallery that is ordered by how close each length is to the query's.
std::vector<PartnerRank> by_length(std::span<const int> queries, std::span<const int> gallery) {
  std::vector<int> sorted(gallery.begin(), gallery.end());
  std::sort(sorted.begin(), sorted.end());
  const auto shorter_than = [&](int length) {
    return static_cast<int>(std::lower_bound(sorted.begin(), sorted.end(), length) -
                            sorted.begin());
  };
  std::vector<PartnerRank> ranks;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const int query = queries[i], distance = std::abs(gallery[i] - query);
    const int closer =
        distance > 0 ? shorter_than(query + distance) - shorter_than(query - distance + 1) : 0;
    const int within = shorter_than(query + distance + 1) - shorter_than(query - distance);
    ranks.push_back({closer, within - closer - 1});
  }
  return ranks;
}

}  // namespace

double expected_rank(PartnerRank rank) { return 1.0 + rank.higher + 0.5 * rank.tied; }

double recall_at(PartnerRank rank, std::int64_t k) {
  const double room = static_cast<double>(k) - rank.higher;
  return std::clamp(room / (1.0 + rank.tied), 0.0, 1.0);
}

double percentile_rank(PartnerRank rank, int gallery) {
  return (gallery - expected_rank(rank)) / (gallery - 1.0);
}

RetrievalReport report_retrieval(const PartnerRanks& ranks, std::span<const std::int64_t> recall_at,
                                 int samples, std::uint64_t seed) {
  RetrievalReport report;
  report.gallery = ranks.gallery();
  report.recall_at.assign(recall_at.begin(), recall_at.end());
  if (report.gallery < 2)
    fail(Exit::data, "retrieval needs a gallery of at least 2 proteins, this one has " +
                         std::to_string(report.gallery));
  const Terms terms(report.gallery, recall_at);
  Sample sample(ranks, terms);

  std::vector<std::uint32_t> chosen(sample.proteins());
  for (std::size_t b = 0; b < chosen.size(); ++b) chosen[b] = static_cast<std::uint32_t>(b);
  const std::vector<double> values = sample.statistics_of(chosen);

  std::vector<std::vector<double>> drawn(values.size());
  for (int s = 0; s < samples; ++s) {
    PhiloxStream stream(seed, "bootstrap", static_cast<std::uint64_t>(s));
    for (std::uint32_t& b : chosen) b = stream.below(static_cast<std::uint32_t>(chosen.size()));
    const std::vector<double> statistics = sample.statistics_of(chosen);
    for (std::size_t k = 0; k < values.size(); ++k) drawn[k].push_back(statistics[k]);
  }

  std::vector<Estimate> estimates;
  for (std::size_t k = 0; k < values.size(); ++k) {
    std::sort(drawn[k].begin(), drawn[k].end());
    if (samples > 0)
      estimates.push_back(
          {values[k], quantile(drawn[k], lower_tail), quantile(drawn[k], upper_tail)});
    else
      estimates.push_back({values[k]});
  }
  std::size_t place = unpack(estimates, 0, recall_at.size(), report.sequence_to_structure);
  place = unpack(estimates, place, recall_at.size(), report.structure_to_sequence);
  unpack(estimates, place, recall_at.size(), report.pooled);
  return report;
}

RetrievalReport chance_retrieval(int gallery, std::span<const std::int64_t> recall_at) {
  const std::vector<PartnerRank> all_level(static_cast<std::size_t>(gallery), {0, gallery - 1});
  return report_retrieval({all_level, all_level}, recall_at, 0, 0);
}

PartnerRanks rank_by_length(std::span<const int> sequences, std::span<const int> structures) {
  return {by_length(sequences, structures), by_length(structures, sequences)};
}

}  // namespace jespr
