// From a limit of memory to the number of shards: &batch max_memory_gb.
#pragma once

#include <cstdint>
#include <string>

#include "backend/communicator.hpp"
#include "data/training_batches.hpp"
#include "driver/settings.hpp"
#include "driver/validation_sets.hpp"

namespace jespr {

/// Memory of a shard in bytes, as straight lines: it is linear in the shard's rows.
struct ShardMemory {
  double activations = 0;  // beside those of its rows
  double scratch = 0;
  double activations_per_row = 0;  // a row of either encoder
  double scratch_per_row = 0;
};

/// What a run holds in bytes. Counted as if one rank worked through all shards, so that nothing
/// depends on the number of ranks.
struct StepMemory {
  double parameters = 0;   // with gradients, moments and average
  double sum = 0;          // each of the log2(V) partial sums of gradients
  double batch = 0;        // arrays over the global batch
  double gallery = 0;      // embeddings of the largest validation set
  ShardMemory training;    // forward and backward
  ShardMemory validation;  // forward alone; its memory is that which training has given back

  /// Of a run of `shards` shards with `rows` rows in the largest, `held` of which lie in memory at
  /// a time, and validations that hold `validation_rows` rows at a time: 0 for none.
  double bytes(std::int64_t shards, std::int64_t held, std::int64_t rows,
               std::int64_t validation_rows) const;
};

/// Rows of both encoders, of the largest shard of V.
struct LargestShards {
  std::int64_t training, validation;
};

struct ShardChoice {
  bool fits = false;
  std::int64_t shards = 0;  // V
  LargestShards rows = {0, 0};
  bool recompute = false;  // a rank's shards do not all fit at once
  double bytes = 0;
};

/// Whether one of V = `shards` shards fits into `limit` bytes, and whether those of a rank do at
/// once. `largest(V)`: a LargestShards.
template <class Largest>
ShardChoice choice_of(std::int64_t shards, const StepMemory& memory, double limit,
                      const data::BatchSettings& batch, int ranks, const Largest& largest) {
  ShardChoice choice{.shards = shards, .rows = largest(shards)};
  const auto bytes = [&](std::int64_t held) {
    return memory.bytes(shards, held, choice.rows.training, choice.rows.validation);
  };
  choice.bytes = bytes(1);
  choice.fits = choice.bytes <= limit;
  if (!choice.fits) return choice;
  const double all = bytes(shards / ranks);
  choice.recompute = batch.recompute || all > limit;
  if (!choice.recompute) choice.bytes = all;
  return choice;
}

/// V = shards * 2^k with the least k for which one shard fits into `limit` bytes. V is a function
/// of deck and datasets alone; `recompute`, which changes no bits, of the number of ranks too.
/// Where no V fits: the one that needs the least.
template <class Largest>
ShardChoice choose_shards(const StepMemory& memory, double limit, const data::BatchSettings& batch,
                          int ranks, const Largest& largest) {
  ShardChoice least;
  for (std::int64_t shards = batch.shards; shards <= batch.proteins; shards *= 2) {
    const ShardChoice choice = choice_of(shards, memory, limit, batch, ranks, largest);
    if (choice.fits) return choice;
    if (least.shards == 0 || choice.bytes < least.bytes) least = choice;
  }
  return least;
}

/// Whether `shards`, doubled some times or not at all, are `wanted`.
bool doubles_to(std::int64_t shards, std::int64_t wanted);

/// Sets settings.batch.shards and .recompute for settings.batch.max_memory_gb, where that is given,
/// and returns what to tell about it; the memory is measured by small shards, trained on and shown
/// as by a validation. A run that continues `checkpoint` ("": none) keeps the shards that decided
/// its bits, whatever would fit now; where the deck's do not double to them nothing is set, and
/// restore_state refuses. Collective. Failure: Error (deck) where no number of shards fits, or not
/// the checkpoint's.
template <class P>
std::string set_shards(Settings& settings, const DeckText& deck, const std::string& checkpoint,
                       data::TrainingBatches& batches, const ValidationSets<P>& validation,
                       const data::ProteinReader& read, const Communicator& communicator);

}  // namespace jespr
