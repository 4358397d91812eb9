// Shards: a batch is cut into parts of about equal cost; a shard is the unit of work.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/crop.hpp"

namespace jespr::data {

/// A chain as sampling knows it.
struct Chain {
  int identity = 0;  // its index in the dataset
  int length = 0;    // residues
  int cluster = -1;  // homology cluster, -1: not known, no relatives

  bool operator==(const Chain&) const = default;
};

using Shard = std::vector<Chain>;

/// Rows of both encoders for these windows: L residues have L + 2, start and end token.
std::int64_t rows_of(const Windows& windows);

/// Cost of n rows of one encoder, linear * n + quadratic * n^2, e.g. in operations: linear maps and
/// graph edges grow with the rows, attention with their square.
struct Cost {
  double linear = 1, quadratic = 0;
};

/// Cost of one protein, as a whole number, so that ties and sums are the same everywhere.
struct CostModel {
  Cost sequence, structure;

  /// Of all windows of the sequence and that of the structure.
  std::int64_t of(const Windows& windows) const;
};

/// Distributes items over `shards` parts by cost: the dearest first, each to the part with the
/// least cost so far (LPT; Graham 1969, SIAM J. Appl. Math. 17:416). Returns for each part its
/// items in ascending order; none is empty, given at least as many items as parts and costs > 0.
std::vector<std::vector<int>> balance(std::span<const std::int64_t> costs, int shards);

/// Largest cost of a part over the mean cost; 1 is perfect.
double imbalance(std::span<const std::int64_t> costs, const std::vector<std::vector<int>>& parts);

/// Cuts chains, in their order, into pieces of at most `rows` rows (L + 2 of a whole chain, or
/// kept + 2 where it is longer than `kept` > 0); a longer chain is a piece of its own. For
/// evaluation, where every chain of a split comes once and order is fixed.
std::vector<Shard> cut_by_rows(std::span<const Chain> chains, std::int64_t rows, int kept = 0);

}  // namespace jespr::data
