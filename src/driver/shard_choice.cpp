// The number of shards from a limit of memory.
#include "driver/shard_choice.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/timer.hpp"
#include "driver/restart.hpp"
#include "driver/run_log.hpp"
#include "driver/training_step.hpp"
#include "driver/validation_shard.hpp"

namespace jespr {
namespace {

constexpr double allowance = 1.05;  // fuller shards in later epochs, sizes that are rounded up
// Of a modality: local and gathered embeddings and their gradients.
constexpr double arrays_over_batch = 4;
// Of both modalities: what this rank embedded, what all did as it comes and in order, in scratch.
constexpr double copies_of_gallery = 8;

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

/// Bytes that a shard of so many rows took.
struct ShardProbe {
  double rows = 0, activations = 0, scratch = 0;
};

/// The numbers of which the larger is taken where several were measured.
std::array<double*, 4> parts_of(ShardMemory& memory) {
  return {&memory.activations, &memory.scratch, &memory.activations_per_row,
          &memory.scratch_per_row};
}

/// The straight lines through two probes, the higher ones of all ranks.
ShardMemory lines_through(const ShardProbe& one, const ShardProbe& two,
                          const Communicator& communicator) {
  const double more = two.rows - one.rows;
  ShardMemory memory;
  memory.activations_per_row = (two.activations - one.activations) / more;
  memory.scratch_per_row = (two.scratch - one.scratch) / more;
  memory.activations = one.activations - memory.activations_per_row * one.rows;
  memory.scratch = one.scratch - memory.scratch_per_row * one.rows;
  for (double* part : parts_of(memory)) *part = communicator.max(*part);
  return memory;
}

double rows_of_shard(const data::ShardRows& rows) {
  return static_cast<double>(rows.sequence.tokens.size() + rows.structure.confidence.size());
}

template <class P>
ShardProbe probe_training(TrainingStep<P>& step, const data::Shard& shard,
                          const data::ProteinReader& read, const data::CropRule& crop) {
  const std::vector<data::ShardRows> rows = {data::fullest_rows(shard, read, crop)};
  const int proteins = rows[0].proteins();
  const BatchLayout layout{{proteins}, 0, 1, rows[0].sequences() / proteins};
  step.take(0, rows, layout, 0);
  return {rows_of_shard(rows[0]), step.activation_bytes(), step.scratch_bytes()};
}

template <class P>
ShardProbe probe_validation(TrainingStep<P>& step, const data::Shard& shard,
                            const data::ProteinReader& read, const Settings& settings) {
  Workspace saved("activations"), scratch("scratch");
  Context context{saved, scratch, step.products()};
  show_shard(context, step.model(), shard, read, settings, {});
  std::int64_t rows = 0;
  for (const data::Chain& chain : shard)
    rows +=
        data::rows_of(data::central_crop(chain.length, static_cast<int>(settings.data.max_length)));
  return {static_cast<double>(rows), static_cast<double>(saved.stack().high_water()),
          static_cast<double>(scratch.stack().high_water())};
}

/// By shards of two and of four proteins, on this rank alone; the most of all ranks. With crops of
/// sequences the share of either encoder in the rows of a protein depends on its length, and so
/// does what a row needs: the most of the longest and the shortest proteins.
template <class P>
StepMemory measure_memory(const Settings& settings, data::TrainingBatches& batches,
                          const data::ProteinReader& read, const Communicator& communicator) {
  Settings probe = settings;
  probe.batch.shards = 1;
  probe.batch.recompute = false;
  const Communicator self = Communicator::self();
  const auto train = [&](TrainingStep<P>& step, const data::Shard& chains) {
    const ShardProbe one = probe_training(step, first_two(chains, 1), read, batches.crop());
    const ShardProbe two = probe_training(step, first_two(chains, 2), read, batches.crop());
    return lines_through(one, two, communicator);
  };
  data::Shard chains = longest_first(batches);
  TrainingStep<P> step(probe, self, Products::default_library());
  StepMemory memory;
  memory.validation =
      lines_through(probe_validation(step, first_two(chains, 1), read, probe),
                    probe_validation(step, first_two(chains, 2), read, probe), communicator);
  memory.training = train(step, chains);
  if (settings.data.sequence_crops > 0) {
    std::reverse(chains.begin(), chains.end());
    TrainingStep<P> again(probe, self, Products::default_library());
    ShardMemory of_short = train(again, chains);
    const auto all = parts_of(memory.training), others = parts_of(of_short);
    for (std::size_t i = 0; i < all.size(); ++i) *all[i] = std::max(*all[i], *others[i]);
  }
  memory.parameters = step.parameter_bytes();
  memory.sum = static_cast<double>(step.store().size() * sizeof(typename P::Master));
  memory.batch = arrays_over_batch * (1 + probe.data.sequences_of_protein()) *
                 static_cast<double>(sizeof(typename P::Real)) *
                 static_cast<double>(settings.batch.proteins * settings.model.joint.width);
  return memory;
}

/// What would help, of what the deck does not do yet; a restart must keep what the run is.
std::string remedies(const Settings& settings, const StepMemory& memory, const LargestShards& rows,
                     bool restarts) {
  const data::BatchSettings& batch = settings.batch;
  std::vector<std::string> ways;
  if (memory.parameters > batch.memory_limit()) {
    if (!restarts) ways.emplace_back("choose smaller encoders");
  } else {
    if (rows.validation > rows.training && settings.validate.retrieval.equal_length > 0)
      ways.emplace_back("set &validate equal_length = 0");
    if (!restarts) ways.emplace_back("lower &data max_length");
    if (!batch.recompute_blocks) ways.emplace_back("set &batch recompute_blocks = .true.");
    if (!batch.recompute_messages) ways.emplace_back("set &batch recompute_messages = .true.");
  }
  if (restarts) ways.emplace_back("start anew");
  return fmt::format("Raise the limit, or {}", fmt::join(ways, ", or "));
}

[[noreturn]] void refuse_limit(const Settings& settings, const DeckText& deck,
                               const std::string& checkpoint, const StepMemory& memory,
                               const ShardChoice& choice) {
  const bool restarts = !checkpoint.empty();
  const std::string which =
      restarts ? fmt::format("{} was computed with shards = {}, which a restart keeps; they",
                             checkpoint, choice.shards)
               : fmt::format("no number of shards fits; {} of them", choice.shards);
  fail(Exit::deck,
       fmt::format("{}: &batch max_memory_gb = {:.6g}: {}, with {} rows in the fullest (of a "
                   "validation {}), need {}{}: parameters, gradients and moments {}, activations "
                   "{} and scratch {} a row. {}",
                   deck.name, settings.batch.max_memory_gb, which, choice.rows.training,
                   choice.rows.validation, format_bytes(choice.bytes),
                   restarts ? "" : ", the least", format_bytes(memory.parameters),
                   format_bytes(memory.training.activations_per_row),
                   format_bytes(memory.training.scratch_per_row),
                   remedies(settings, memory, choice.rows, restarts)));
}

std::string describe(const ShardChoice& choice, const Settings& settings, const StepMemory& memory,
                     const std::string& checkpoint) {
  const std::string shown = choice.rows.validation == 0 ? ""
                                                        : fmt::format(", {} in one of a validation",
                                                                      choice.rows.validation);
  return fmt::format(
      "limit    {} a rank: {}{}, at most {} rows in one{}, need {}{}; activations "
      "{} and scratch {} a row, measured",
      format_bytes(settings.batch.memory_limit()), format_count(choice.shards, "shard"),
      checkpoint.empty() ? "" : ", those of the checkpoint", choice.rows.training, shown,
      format_bytes(choice.bytes),
      choice.recompute ? ", each run forward again before its backward pass" : "",
      format_bytes(memory.training.activations_per_row),
      format_bytes(memory.training.scratch_per_row));
}

}  // namespace

bool doubles_to(std::int64_t shards, std::int64_t wanted) {
  while (shards < wanted) shards *= 2;
  return shards == wanted;
}

double StepMemory::bytes(std::int64_t shards, std::int64_t held, std::int64_t rows,
                         std::int64_t validation_rows) const {
  const auto most = static_cast<double>(rows), shown = static_cast<double>(validation_rows);
  const bool validates = validation_rows > 0;
  const double activations = std::max(
      static_cast<double>(held) * (training.activations + training.activations_per_row * most),
      validates ? validation.activations + validation.activations_per_row * shown : 0);
  const double scratch =
      std::max(training.scratch + training.scratch_per_row * most,
               validates ? validation.scratch + validation.scratch_per_row * shown : 0);
  return parameters + sum * std::ceil(std::log2(static_cast<double>(shards))) + batch +
         (validates ? gallery : 0) + allowance * (activations + scratch);
}

template <class P>
std::string set_shards(Settings& settings, const DeckText& deck, const std::string& checkpoint,
                       data::TrainingBatches& batches, const ValidationSets<P>& validation,
                       const data::ProteinReader& read, const Communicator& communicator) {
  data::BatchSettings& batch = settings.batch;
  if (batch.max_memory_gb == 0) return "";
  const std::int64_t kept = checkpoint.empty() ? 0 : shards_of<P>(checkpoint);
  if (kept > 0 && !doubles_to(batch.shards, kept)) return "";
  StepMemory memory = measure_memory<P>(settings, batches, read, communicator);
  memory.gallery = copies_of_gallery * static_cast<double>(sizeof(typename P::Real)) *
                   static_cast<double>(validation.most_in_gallery() * settings.model.joint.width);
  const auto largest = [&](std::int64_t shards) {
    return LargestShards{batches.most_rows(0, static_cast<int>(shards)),
                         validation.most_rows(shards)};
  };
  const double limit = batch.memory_limit();
  const int ranks = communicator.size();
  const ShardChoice choice = kept > 0 ? choice_of(kept, memory, limit, batch, ranks, largest)
                                      : choose_shards(memory, limit, batch, ranks, largest);
  if (!choice.fits) refuse_limit(settings, deck, checkpoint, memory, choice);
  batch.shards = choice.shards;
  batch.recompute = choice.recompute;
  return describe(choice, settings, memory, checkpoint);
}

#define JESPR_INSTANTIATE(P)                                                           \
  template std::string set_shards<P>(Settings&, const DeckText&, const std::string&,   \
                                     data::TrainingBatches&, const ValidationSets<P>&, \
                                     const data::ProteinReader&, const Communicator&);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr
