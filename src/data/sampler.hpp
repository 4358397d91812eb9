// Sampler: which chains meet in which batch. A pure function of (seed, epoch): there is no state
// but the number of the step.
//
// An epoch has S batches of B chains with at most one of a homology cluster in a batch, and S is
// the largest number for which that is possible at all: sum over clusters of min(members, S) >= S B
// (deal the chains, sorted by cluster, to the batches in turn: a batch gets B of them and no
// cluster twice). What an epoch cannot place waits, and waiting goes round:
// - a cluster of m > S members sends S of them, the next S in the next epoch: each comes at least
//   every ceil(m / S) epochs;
// - of the other chains fewer than B are left out, the next ones in the next epoch: none twice in
//   a row.
#pragma once

#include <cstdint>
#include <vector>

#include "data/crop.hpp"
#include "data/shards.hpp"

namespace jespr::data {

/// One epoch: S batches of B chains each, end to end.
struct Epoch {
  std::int64_t number = -1;
  std::vector<Chain> chains;  // [S B]
};

/// A step by the epoch that it lies in.
struct Position {
  std::int64_t epoch = 0, index = 0;
};

/// What every epoch places and what waits, for the log.
struct Coverage {
  std::int64_t chains = 0;
  std::int64_t clusters = 0;          // a chain without one counts as one
  std::int64_t placed = 0;            // chains in an epoch
  std::int64_t waiting_crowded = 0;   // left out because their clusters are larger than S
  std::int64_t waiting_rest = 0;      // left out because they fill no batch
  std::int64_t longest_interval = 1;  // epochs from one coming of a chain to its next, at most
};

class Sampler {
 public:
  /// Of `chains` batches of `proteins`. Without `one_per_cluster` relatives may meet.
  /// Failure: Error (deck) if not even one batch can be made; Error (data) for an empty chain.
  Sampler(std::vector<Chain> chains, std::uint64_t seed, int proteins, bool one_per_cluster);

  int proteins() const { return proteins_; }
  std::int64_t steps_per_epoch() const { return steps_; }
  const Coverage& coverage() const { return coverage_; }

  /// Steps count from 0 through all epochs.
  Position position(std::int64_t step) const { return {step / steps_, step % steps_}; }
  std::int64_t step(const Position& at) const { return at.epoch * steps_ + at.index; }

  /// The batches of an epoch; linear in the number of chains.
  Epoch epoch(std::int64_t number) const;

 private:
  struct Cluster {
    int begin, end;  // in chains_
    int members() const { return end - begin; }
    bool crowded(std::int64_t steps) const { return members() > steps; }
  };
  void group_by_cluster(bool one_per_cluster);
  std::int64_t placeable(std::int64_t steps) const;
  std::int64_t most_steps() const;
  Coverage count() const;
  std::vector<int> chosen(const Cluster& cluster, std::int64_t number,
                          const std::vector<char>& left_out) const;

  std::vector<Chain> chains_;  // by cluster; members in an order shuffled once
  std::vector<Cluster> clusters_;
  std::vector<int> others_;  // chains of clusters that are not crowded, in an order shuffled once
  std::uint64_t seed_;
  int proteins_;
  std::int64_t steps_ = 0;
  Coverage coverage_;
};

/// The V shards of batch `index` of an epoch, of about equal cost for the windows that `crop`
/// draws; the chains of a shard keep their order in the batch.
std::vector<Shard> shards_of(const Sampler& sampler, const Epoch& epoch, std::int64_t index,
                             const CropRule& crop, const CostModel& cost, int shards);

}  // namespace jespr::data
