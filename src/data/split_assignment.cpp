// Clusters and splits of a new dataset.
#include "data/split_assignment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/error.hpp"
#include "base/log.hpp"
#include "data/prepare_report.hpp"
#include "data/relatives.hpp"

namespace jespr::data {
namespace {

bool has_several(const std::vector<Split>& splits) {
  return std::adjacent_find(splits.begin(), splits.end(), std::not_equal_to<>()) != splits.end();
}

std::vector<Split> splits_of_clusters(const std::vector<std::int32_t>& clusters,
                                      const PrepareSettings& settings,
                                      const std::vector<std::uint64_t>& name_hashes) {
  SplitShares shares;
  shares.validation = settings.validation_share;
  shares.test = settings.test_share;
  shares.seed = static_cast<std::uint64_t>(settings.split_seed);
  return split_by_cluster(clusters, name_hashes, shares);
}

void warn_of_relatives(std::int64_t crossing, double least_shared) {
  if (crossing == 0) return;
  log::warning(
      fmt::format("{} of validation and test {} a relative in training ({:.0f} % of the 6-mers "
                  "shared, or more)",
                  counted(crossing, "chain"), crossing == 1 ? "has" : "have", 100 * least_shared));
}

}  // namespace

void require_comparable(const PrepareSettings& settings, std::uint64_t residues) {
  if (settings.clusters == "kmers" && residues > most_compared)
    fail(Exit::deck, fmt::format("&prepare clusters = 'kmers': the sources have more than {} "
                                 "residues, as many as can be compared in memory; give a table "
                                 "with a column cluster30, as of a search by MMseqs2",
                                 most_compared));
}

void assign_splits(SplitAssignment& assignment, const PrepareSettings& settings,
                   const AssignmentSource& source, std::uint64_t residues) {
  require_comparable(settings, residues);
  const bool by_kmers = settings.clusters == "kmers", by_cluster = settings.split == "by_cluster";
  const auto split_clusters = [&] {
    if (by_cluster)
      assignment.splits = splits_of_clusters(assignment.clusters, settings, source.name_hashes());
  };
  if (!by_kmers) split_clusters();
  if (!by_kmers && !has_several(assignment.splits)) return;
  if (residues > most_compared)
    return log::warning(
        fmt::format("{} residues are too many to look for relatives across splits, {} are the most",
                    residues, most_compared));
  const KmerIndex index(source.sequences());
  if (by_kmers) {
    assignment.clusters =
        clusters_of_relatives(index, assignment.splits.size(), settings.least_shared);
    split_clusters();
  }
  if (has_several(assignment.splits))
    warn_of_relatives(count_crossing(index, assignment.splits, settings.least_shared),
                      settings.least_shared);
}

std::int64_t largest_cluster(const std::vector<std::int32_t>& clusters) {
  std::int64_t largest = clusters.empty() ? 0 : 1;
  std::unordered_map<std::int32_t, std::int64_t> chains;
  for (const std::int32_t cluster : clusters)
    if (cluster != no_cluster) largest = std::max(largest, ++chains[cluster]);
  return largest;
}

}  // namespace jespr::data
