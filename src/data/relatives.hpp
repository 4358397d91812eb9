// Near-duplicates among sequences, found by the k-mers that they share, and what follows from them:
// clusters, and how many relatives two splits have in each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/chain_table.hpp"

namespace jespr::data {

/// Which k-mers of which sequences there are. Two sequences are relatives when the shorter one
/// shares at least `least_share` of its different 6-mers with the other. A 6-mer survives with
/// probability p^6 at identity p, so 0.1 means about 70 % identity; unrelated sequences of a few
/// hundred residues share one 6-mer of 20^6 at most. It finds close relatives alone: for remote
/// ones give clusters that a profile or alignment search made (as MMseqs2: Steinegger & Soeding
/// 2017).
class KmerIndex {
 public:
  explicit KmerIndex(std::vector<std::string> sequences);

  /// Calls use(i, j) for each pair of relatives, j < i. 6-mers of more than 1000 sequences are
  /// those of tags and linkers, and count for none; but where they are more than half of a
  /// sequence's it is of a large family, and meets the first 1000 of it alone, so that none takes
  /// quadratic time.
  void for_each_pair(double least_share,
                     const std::function<void(std::size_t, std::size_t)>& use) const;

 private:
  std::vector<std::string> sequences_;
  std::vector<std::uint64_t> entries_;  // k-mer << 32 | sequence, sorted
};

/// Single-linkage clusters of relatives, numbered from 0 in the order of their first members.
std::vector<std::int32_t> clusters_of_relatives(const KmerIndex& index, std::size_t sequences,
                                                double least_share);

/// How many validation or test chains have a relative in the training split.
std::int64_t count_crossing(const KmerIndex& index, std::span<const Split> splits,
                            double least_share);

/// Parts of the data for the splits, the rest is for training; which, is a matter of the seed.
struct SplitShares {
  double validation = 0.1, test = 0;
  std::uint64_t seed = 1;
};

/// Whole clusters to validation, test and training; a chain without cluster is one of its own.
/// Clusters come in the order of a hash of the seed and their members' names, so that the order of
/// the chains does not matter; the first that fit make up the validation split, the next the test
/// split. A cluster larger than what a split still lacks belongs to training.
std::vector<Split> split_by_cluster(std::span<const std::int32_t> clusters,
                                    std::span<const std::uint64_t> name_hashes,
                                    const SplitShares& shares);

}  // namespace jespr::data
