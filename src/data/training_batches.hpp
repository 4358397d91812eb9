// Training batches: sampler, crops, changes and reader put together; from the number of a step to
// the packed rows of a rank's shards.
#pragma once

#include <cstdint>
#include <vector>

#include "data/batch.hpp"
#include "data/sampler.hpp"
#include "data/settings.hpp"

namespace jespr::data {

class TrainingBatches {
 public:
  /// `noise` (Angstrom) belongs to the structure encoder's settings. Failure: as Sampler.
  TrainingBatches(std::vector<Chain> chains, ProteinReader read, const DataSettings& data,
                  const BatchSettings& batch, double noise, const CostModel& cost,
                  std::uint64_t seed, Predicted predicted = Predicted::nothing,
                  double predicted_fraction = 0);

  const Sampler& sampler() const { return sampler_; }
  const CropRule& crop() const { return crop_; }

  /// All V shards of a step, in order: their chains, one after the other, are the global batch.
  std::vector<Shard> shards(std::int64_t step);

  /// A step for the rank that works on its shards [begin, end). This and shards() keep the epoch
  /// that they last saw: once a Loader calls them, nobody else may.
  StepRows assemble(std::int64_t step, int begin, int end);

  /// Rows of both encoders in the largest shard of an epoch, at most: crops may be shorter. Of its
  /// own shards, or as if a batch were cut into `shards` of them.
  std::int64_t most_rows(std::int64_t epoch) const { return most_rows(epoch, shards_); }
  std::int64_t most_rows(std::int64_t epoch, int shards) const;

  /// Largest over mean shard cost, the worst of the batches of an epoch.
  double worst_imbalance(std::int64_t epoch) const;

 private:
  std::vector<Shard> cut(const Epoch& epoch, std::int64_t index, int shards) const;

  Sampler sampler_;
  ProteinReader read_;
  CropRule crop_;
  Augmentation augmentation_;
  CostModel cost_;
  int shards_, sequences_of_protein_;
  Epoch epoch_;
};

}  // namespace jespr::data
