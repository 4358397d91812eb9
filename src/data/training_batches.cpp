// Training batches.
#include "data/training_batches.hpp"

#include <algorithm>

namespace jespr::data {

TrainingBatches::TrainingBatches(std::vector<Chain> chains, ProteinReader read,
                                 const DataSettings& data, const BatchSettings& batch, double noise,
                                 const CostModel& cost, std::uint64_t seed, Predicted predicted,
                                 double predicted_fraction)
    : sampler_(std::move(chains), seed, static_cast<int>(batch.proteins), data.one_per_cluster),
      read_(std::move(read)),
      crop_{.seed = seed,
            .max_length = static_cast<int>(data.max_length),
            .independent = data.independent_crops,
            .shortest = data.shortest_crop,
            .sequence_crops = static_cast<int>(data.sequence_crops),
            .crop_length = static_cast<int>(data.crop_length)},
      augmentation_{.seed = seed,
                    .coordinate_noise = noise,
                    .masked_fraction = batch.masked_fraction,
                    .predicted = predicted,
                    .predicted_fraction = predicted_fraction},
      cost_(cost),
      shards_(static_cast<int>(batch.shards)),
      sequences_of_protein_(data.sequences_of_protein()) {}

std::vector<Shard> TrainingBatches::cut(const Epoch& epoch, std::int64_t index, int shards) const {
  return shards_of(sampler_, epoch, index, crop_, cost_, shards);
}

std::vector<Shard> TrainingBatches::shards(std::int64_t step) {
  const Position at = sampler_.position(step);
  if (epoch_.number != at.epoch) epoch_ = sampler_.epoch(at.epoch);
  return cut(epoch_, at.index, shards_);
}

StepRows TrainingBatches::assemble(std::int64_t step, int begin, int end) {
  StepRows rows{.step = step,
                .proteins_of_shard = {},
                .shards = {},
                .sequences_of_protein = sequences_of_protein_};
  const std::vector<Shard> all = shards(step);
  for (const Shard& shard : all) rows.proteins_of_shard.push_back(static_cast<int>(shard.size()));
  for (int shard = begin; shard < end; ++shard)
    rows.shards.push_back(training_rows(all[static_cast<std::size_t>(shard)], read_, crop_,
                                        augmentation_, sampler_.position(step).epoch));
  return rows;
}

std::int64_t TrainingBatches::most_rows(std::int64_t number, int shards) const {
  const Epoch epoch = sampler_.epoch(number);
  std::int64_t most = 0;
  for (std::int64_t index = 0; index < sampler_.steps_per_epoch(); ++index)
    for (const Shard& shard : cut(epoch, index, shards)) {
      std::int64_t rows = 0;
      for (const Chain& chain : shard) rows += rows_of(crop_.fullest(chain.length));
      most = std::max(most, rows);
    }
  return most;
}

double TrainingBatches::worst_imbalance(std::int64_t number) const {
  const Epoch epoch = sampler_.epoch(number);
  double worst = 1;
  for (std::int64_t index = 0; index < sampler_.steps_per_epoch(); ++index) {
    std::vector<std::int64_t> costs;
    std::vector<std::vector<int>> parts;
    for (const Shard& shard : cut(epoch, index, shards_)) {
      parts.emplace_back();
      for (const Chain& chain : shard) {
        parts.back().push_back(static_cast<int>(costs.size()));
        costs.push_back(cost_.of(crop_.draw(number, chain.identity, chain.length)));
      }
    }
    worst = std::max(worst, imbalance(costs, parts));
  }
  return worst;
}

}  // namespace jespr::data
