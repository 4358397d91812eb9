// From a limit of memory to the number of shards: &batch max_memory_gb.
#pragma once

#include <cstdint>
#include <string>

#include "backend/communicator.hpp"
#include "data/training_batches.hpp"
#include "driver/settings.hpp"

namespace jespr {

/// What a step holds in bytes, as straight lines: memory is linear in the rows of a shard. Counted
/// as if one rank worked through all shards, so that nothing depends on the number of ranks.
struct StepMemory {
  double parameters = 0;   // with gradients, moments and average
  double sum = 0;          // each of the log2(V) partial sums of gradients
  double batch = 0;        // arrays over the global batch
  double activations = 0;  // of a shard that is held, beside those of its rows
  double scratch = 0;
  double activations_per_row = 0;  // a row of either encoder
  double scratch_per_row = 0;

  /// Of a step of `shards` shards with `rows` rows in the largest, `held` of which lie in memory at
  /// a time.
  double bytes(std::int64_t shards, std::int64_t held, std::int64_t rows) const;
};

struct ShardChoice {
  bool fits = false;
  std::int64_t shards = 0;  // V
  std::int64_t rows = 0;    // of the largest one
  bool recompute = false;   // a rank's shards do not all fit at once
  double bytes = 0;
};

/// V = shards * 2^k with the least k for which one shard fits into `limit` bytes. V is a function
/// of deck and dataset alone; `recompute`, which changes no bits, of the number of ranks too.
/// `most_rows(V)`: rows of the largest shard. Where no V fits: the one that needs the least.
template <class MostRows>
ShardChoice choose_shards(const StepMemory& memory, double limit, const data::BatchSettings& batch,
                          int ranks, const MostRows& most_rows) {
  ShardChoice least;
  for (std::int64_t shards = batch.shards; shards <= batch.proteins; shards *= 2) {
    ShardChoice choice{.shards = shards, .rows = most_rows(shards)};
    choice.bytes = memory.bytes(shards, 1, choice.rows);
    choice.fits = choice.bytes <= limit;
    if (choice.fits) {
      const double all = memory.bytes(shards, shards / ranks, choice.rows);
      choice.recompute = batch.recompute || all > limit;
      if (!choice.recompute) choice.bytes = all;
      return choice;
    }
    if (least.shards == 0 || choice.bytes < least.bytes) least = choice;
  }
  return least;
}

/// Sets settings.batch.shards and .recompute for settings.batch.max_memory_gb, where that is given,
/// and returns what to tell about it; the memory is measured by two small steps. Collective.
/// Failure: Error (deck) where no number of shards fits.
template <class P>
std::string set_shards(Settings& settings, const DeckText& deck, data::TrainingBatches& batches,
                       const data::ProteinReader& read, const Communicator& communicator);

}  // namespace jespr
