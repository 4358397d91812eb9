// The number of shards from a limit of memory.
#include "driver/shard_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/timer.hpp"
#include "driver/training_step.hpp"

namespace jespr {
namespace {

constexpr double margin = 1.05;  // fuller shards in later epochs, sizes that are rounded up
// Of a modality: local and gathered embeddings and their gradients.
constexpr double arrays_over_batch = 4;

/// The first batch, the longest proteins first.
data::Shard longest_first(data::TrainingBatches& batches) {
  data::Shard all;
  for (const data::Shard& shard : batches.shards(0))
    all.insert(all.end(), shard.begin(), shard.end());
  std::stable_sort(all.begin(), all.end(),
                   [](const data::Chain& a, const data::Chain& b) { return a.length > b.length; });
  return all;
}

/// The first two of the chains, the fewest that a contrastive loss knows, each `times` times.
data::Shard first_two(const data::Shard& chains, int times) {
  data::Shard repeated;
  for (int k = 0; k < times; ++k) repeated.insert(repeated.end(), {chains[0], chains[1]});
  return repeated;
}

struct Measured {
  double rows = 0, activations = 0, scratch = 0;
};

template <class P>
Measured measure(TrainingStep<P>& step, const data::Shard& shard, const data::ProteinReader& read,
                 const data::CropRule& crop) {
  const std::vector<data::ShardRows> rows = {data::fullest_rows(shard, read, crop)};
  const int proteins = rows[0].proteins();
  const BatchLayout layout{{proteins}, 0, 1, rows[0].sequences() / proteins};
  step.take(0, rows, layout, 0);
  return {static_cast<double>(rows[0].sequence.tokens.size() + rows[0].structure.confidence.size()),
          step.activation_bytes(), step.scratch_bytes()};
}

/// The straight lines by steps of the first two of the proteins, once and twice, in one shard.
template <class P>
StepMemory measure_lines(const Settings& probe, const data::Shard& chains,
                         const data::ProteinReader& read, const data::CropRule& crop) {
  const Communicator self = Communicator::self();
  TrainingStep<P> step(probe, self, Products::default_library());
  const Measured one = measure(step, first_two(chains, 1), read, crop);
  const Measured two = measure(step, first_two(chains, 2), read, crop);
  const double more = two.rows - one.rows;
  StepMemory memory;
  memory.parameters = step.parameter_bytes();
  memory.sum = static_cast<double>(step.store().size() * sizeof(typename P::Master));
  memory.batch = arrays_over_batch * (1 + probe.data.sequences_of_protein()) *
                 static_cast<double>(sizeof(typename P::Real)) *
                 static_cast<double>(probe.batch.proteins * probe.model.joint.width);
  memory.activations_per_row = (two.activations - one.activations) / more;
  memory.scratch_per_row = (two.scratch - one.scratch) / more;
  memory.activations = one.activations - memory.activations_per_row * one.rows;
  memory.scratch = one.scratch - memory.scratch_per_row * one.rows;
  return memory;
}

/// The numbers that are measured: those of which the larger is taken.
std::array<double*, 4> measured_of(StepMemory& memory) {
  return {&memory.activations, &memory.scratch, &memory.activations_per_row,
          &memory.scratch_per_row};
}

/// On each rank alone, the most of all ranks. With crops of sequences the share of either encoder
/// in the rows of a protein depends on its length, and so does what a row needs: the most of the
/// longest and the shortest proteins.
template <class P>
StepMemory measure_memory(const Settings& settings, data::TrainingBatches& batches,
                          const data::ProteinReader& read, const Communicator& communicator) {
  Settings probe = settings;
  probe.batch.shards = 1;
  probe.batch.recompute = false;
  data::Shard chains = longest_first(batches);
  StepMemory memory = measure_lines<P>(probe, chains, read, batches.crop());
  if (settings.data.sequence_crops > 0) {
    std::reverse(chains.begin(), chains.end());
    StepMemory of_short = measure_lines<P>(probe, chains, read, batches.crop());
    const auto all = measured_of(memory), others = measured_of(of_short);
    for (std::size_t i = 0; i < all.size(); ++i) *all[i] = std::max(*all[i], *others[i]);
  }
  for (double* part : measured_of(memory)) *part = communicator.max(*part);
  return memory;
}

}  // namespace

double StepMemory::bytes(std::int64_t shards, std::int64_t held, std::int64_t rows) const {
  const double most = static_cast<double>(rows);
  return parameters + sum * std::ceil(std::log2(static_cast<double>(shards))) + batch +
         margin * (static_cast<double>(held) * (activations + activations_per_row * most) +
                   scratch + scratch_per_row * most);
}

template <class P>
std::string set_shards(Settings& settings, const DeckText& deck, data::TrainingBatches& batches,
                       const data::ProteinReader& read, const Communicator& communicator) {
  data::BatchSettings& batch = settings.batch;
  if (batch.max_memory_gb == 0) return "";
  const StepMemory memory = measure_memory<P>(settings, batches, read, communicator);
  const ShardChoice choice = choose_shards(
      memory, batch.memory_limit(), batch, communicator.size(),
      [&](std::int64_t shards) { return batches.most_rows(0, static_cast<int>(shards)); });
  if (!choice.fits)
    fail(Exit::deck,
         fmt::format("{}: &batch max_memory_gb = {:.6g}: no number of shards fits; {} of them, "
                     "with {} rows in the fullest, need {}, the least: parameters, gradients and "
                     "moments {}, activations {} and scratch {} a row. Raise the limit, lower "
                     "&data max_length or set &batch recompute_blocks = .true.",
                     deck.name, batch.max_memory_gb, choice.shards, choice.rows,
                     format_bytes(choice.bytes), format_bytes(memory.parameters),
                     format_bytes(memory.activations_per_row),
                     format_bytes(memory.scratch_per_row)));
  batch.shards = choice.shards;
  batch.recompute = choice.recompute;
  return fmt::format(
      "limit    {} a rank: {} shards, at most {} rows in one, need {}{}; activations "
      "{} and scratch {} a row, measured",
      format_bytes(batch.memory_limit()), choice.shards, choice.rows, format_bytes(choice.bytes),
      choice.recompute ? ", each run forward again before its backward pass" : "",
      format_bytes(memory.activations_per_row), format_bytes(memory.scratch_per_row));
}

#define JESPR_INSTANTIATE(P)                                                             \
  template std::string set_shards<P>(Settings&, const DeckText&, data::TrainingBatches&, \
                                     const data::ProteinReader&, const Communicator&);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr
