// Validation during training.
#include "driver/validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "data/protein_reader.hpp"
#include "driver/class_report.hpp"
#include "driver/embedding.hpp"
#include "driver/validation_shard.hpp"
#include "model/loss_tiles.hpp"
#include "tensor/loops.hpp"
#include "tensor/profiling.hpp"

namespace jespr {
namespace {

/// [0, n) in `parts` consecutive parts of about equal size: part k is [n k / parts, n (k+1) /
/// parts).
std::size_t part_begin(std::size_t n, std::size_t k, std::size_t parts) { return n * k / parts; }

/// Of the logits by which pairs are compared: the loss's own scale, or where it has none, CLIP's
/// before training.
template <class P>
double scale_of_pairs(const JointLoss<P>& loss) {
  constexpr double clips_initial_scale = 1 / 0.07;
  const double scale = loss.scale();
  return std::isnan(scale) ? clips_initial_scale : scale;
}

}  // namespace

template <class P>
Validation<P>::Validation(const Settings& settings, const data::Dataset& dataset,
                          const data::LabelClasses& classes,
                          const std::vector<std::int64_t>& indices,
                          const Communicator& communicator)
    : settings_(settings),
      communicator_(communicator),
      read_(data::reader_of(dataset)),
      dataset_(dataset),
      classes_(classes.of(dataset)) {
  for (const std::int64_t index : indices) {
    const data::Chain chain{static_cast<int>(index), static_cast<int>(dataset.length(index))};
    chains_.push_back(chain);
    if (chain.length >= settings.validate.retrieval.equal_length) long_chains_.push_back(chain);
  }
}

template <class P>
ValidationRow Validation<P>::run(TrainingStep<P>& step, std::int64_t steps_done) {
  const Timed timed(&step.timers(), "validation");
  const Region region("validation");
  ValidationRow row;
  row.step = static_cast<double>(steps_done);
  Timers* const timers = std::exchange(step.context().timers, nullptr);  // not twice
  const int width = static_cast<int>(settings_.model.joint.width);
  const auto& options = settings_.validate.retrieval;
  const auto seed = static_cast<std::uint64_t>(settings_.run.seed);

  Collected whole;
  run_batches(step, row, whole);
  if (!step.model().is_joint) {  // nothing has a partner
    row.recall.assign(options.recall.size(), std::numeric_limits<double>::quiet_NaN());
    step.context().timers = timers;
    return row;
  }
  const auto gallery =
      gather_gallery(communicator_, chains(), width, whole.places, whole.sequence, whole.structure);
  const PartnerRanks ranks = rank_gallery(step.context(), communicator_, gallery);
  const auto retrieval =
      report_retrieval(ranks, options.recall, static_cast<int>(options.bootstrap), seed);
  for (const Estimate& recall : retrieval.pooled.recall) row.recall.push_back(recall.value);
  if (settings_.validate.worst_pairs > 0)
    worst_ = worst_pairs(
        pair_losses(step.context(), communicator_, gallery, scale_of_pairs(step.model().loss)),
        ranks, chains_, dataset_, settings_.validate.worst_pairs);
  spreads_ = measure_spreads(step.context(), gallery);
  row.rank_sequence = spreads_->sequence.effective_rank;
  row.rank_structure = spreads_->structure.effective_rank;

  if (compares_equal_lengths()) {
    const auto equal = embed_chains(step.context(), communicator_, step.model(), long_chains_,
                                    read_, static_cast<int>(options.equal_length));
    const Estimate percentile =
        report_retrieval(rank_gallery(step.context(), communicator_, equal), options.recall,
                         static_cast<int>(options.bootstrap), seed)
            .pooled.percentile;
    row.equal_length_percentile = percentile.value;
    row.lower = percentile.lower;
    row.upper = percentile.upper;
  }
  step.context().timers = timers;
  return row;
}

template <class P>
void Validation<P>::run_batches(TrainingStep<P>& step, ValidationRow& row, Collected& collected) {
  const auto proteins = static_cast<std::size_t>(settings_.batch.proteins);
  const auto shards = static_cast<std::size_t>(settings_.batch.shards);
  const auto width = static_cast<std::size_t>(settings_.model.joint.width);
  const int per_rank = static_cast<int>(shards) / communicator_.size();
  double batches = 0;
  PredictionSums language;
  ClassLevelSums classes;
  for (std::size_t begin = 0; begin < chains_.size(); begin += proteins) {
    const std::size_t size = std::min(proteins, chains_.size() - begin);
    BatchLayout layout;
    layout.first_local = communicator_.rank() * per_rank;
    layout.local_shards = per_rank;
    for (std::size_t v = 0; v < shards; ++v)
      layout.proteins_of_shard.push_back(
          static_cast<int>(part_begin(size, v + 1, shards) - part_begin(size, v, shards)));

    Context& context = step.context();
    Scope saved_scope(context.saved), scratch_scope(context.scratch);
    const auto local = static_cast<std::size_t>(layout.local_proteins());
    const auto sequence = context.scratch.matrix<Real>(local, width);
    const auto structure = context.scratch.matrix<Real>(local, width);
    const bool expands = step.model().expander.exists();
    const auto seen_width = static_cast<std::size_t>(step.model().loss_width());
    const auto seen_by_loss = [&](Matrix<Real> rows) {
      return expands ? context.scratch.matrix<Real>(local, seen_width) : rows;
    };
    const auto loss_sequence = seen_by_loss(sequence), loss_structure = seen_by_loss(structure);
    const auto predicted =
        context.scratch.host_array<PredictionSums>(static_cast<std::size_t>(layout.local_shards));
    const auto told =
        context.scratch.host_array<ClassLevelSums>(static_cast<std::size_t>(layout.local_shards));
    std::size_t done = 0;
    for (int k = 0; k < per_rank; ++k) {
      const auto v = static_cast<std::size_t>(layout.first_local + k);
      const std::size_t first = begin + part_begin(size, v, shards);
      const std::size_t last = begin + part_begin(size, v + 1, shards);
      if (first == last) continue;
      Scope transient(context.saved);
      const data::Shard shard(chains_.begin() + static_cast<std::ptrdiff_t>(first),
                              chains_.begin() + static_cast<std::ptrdiff_t>(last));
      const ShownShard<P> shown =
          show_shard(context, step.model(), shard, read_, settings_, classes_);
      predicted[static_cast<std::size_t>(k)] = shown.predicted;
      if (!step.model().is_joint) continue;
      told[static_cast<std::size_t>(k)] = shown.classes;
      const std::size_t end = done + (last - first);
      copy(rows_of(sequence, done, end), shown.embeddings.sequence);
      copy(rows_of(structure, done, end), shown.embeddings.structure);
      if (expands) {
        copy(rows_of(loss_sequence, done, end), shown.loss_rows.sequence);
        copy(rows_of(loss_structure, done, end), shown.loss_rows.structure);
      }
      for (std::size_t place = first; place < last; ++place)
        collected.places.push_back(static_cast<std::int64_t>(place));
      done = end;
    }
    if (step.model().is_joint) {
      append_rows(collected.sequence, sequence);
      append_rows(collected.structure, structure);
    }
    for (const PredictionSums& sums : gathered(context.scratch, communicator_, layout,
                                               std::span<const PredictionSums>(predicted)))
      language += sums;
    if (step.model().classes.exists())
      classes += sum_over_shards(context.scratch, communicator_, layout, told);

    // A last, smaller batch would be an easier task: it counts only where it is the only one.
    if (size < proteins && begin > 0) continue;
    const LossResult loss = step.model().loss.evaluate(context, communicator_, layout,
                                                       loss_sequence, loss_structure, nullptr);
    row.loss += loss.loss;
    row.accuracy_sequence_to_structure += loss.accuracy_sequence_to_structure;
    row.accuracy_structure_to_sequence += loss.accuracy_structure_to_sequence;
    ++batches;
  }
  row.loss /= batches;
  row.accuracy_sequence_to_structure /= batches;
  row.accuracy_structure_to_sequence /= batches;
  if (settings_.model.loss.has_language()) {
    row.language_loss = language.mean_loss();
    row.language_accuracy = language.accuracy();
    row.loss += settings_.model.loss.language_weight() * row.language_loss;
  }
  row.loss += step.model().classes.loss(classes);
  row.classes = class_columns(step.model().classes, classes);
}

template <class P>
std::int64_t Validation<P>::most_rows(std::int64_t shards) const {
  const auto proteins = static_cast<std::size_t>(settings_.batch.proteins);
  const auto parts = static_cast<std::size_t>(shards);
  const auto max_length = static_cast<int>(settings_.data.max_length);
  std::int64_t most = 0;
  if (compares_equal_lengths()) {
    constexpr std::int64_t marks = 2, encoders = 2;  // rows of start and end
    const auto chains = static_cast<std::int64_t>(long_chains_.size());
    const std::int64_t kept = settings_.validate.retrieval.equal_length;
    most = encoders * std::min(rows_per_piece, chains * (kept + marks));
  }
  for (std::size_t begin = 0; begin < chains_.size(); begin += proteins) {
    const std::size_t size = std::min(proteins, chains_.size() - begin);
    for (std::size_t v = 0; v < parts; ++v) {
      std::int64_t rows = 0;
      for (std::size_t i = part_begin(size, v, parts); i < part_begin(size, v + 1, parts); ++i)
        rows += data::rows_of(data::central_crop(chains_[begin + i].length, max_length));
      most = std::max(most, rows);
    }
  }
  return most;
}

template <class P>
std::string Validation<P>::describe(const ValidationRow& row) const {
  const std::string best = row.best > 0 ? "   * best" : "";
  if (!settings_.model.loss.is_joint())
    return fmt::format("validation at {:.0f}: loss {:.3f}, {:.1f} % of residues right; {} chains{}",
                       row.step, row.loss, 100 * row.language_accuracy, chains(), best);
  std::string recall;
  for (std::size_t k = 0; k < row.recall.size(); ++k)
    recall += fmt::format("{}{} {:.1f} %", k == 0 ? "recall@" : ", @",
                          settings_.validate.retrieval.recall[k], 100 * row.recall[k]);
  const auto kept = settings_.validate.retrieval.equal_length;
  const std::string interval =
      std::isnan(row.lower) ? "" : fmt::format(" [{:.3f}, {:.3f}]", row.lower, row.upper);
  const std::string percentile =
      !compares_equal_lengths()
          ? ""
          : fmt::format("; equal-length {} over {} chains: percentile {:.3f}{}", kept,
                        long_chains_.size(), row.equal_length_percentile, interval);
  const std::string classes = describe_accuracies(settings_.model.classes.levels(), row.classes);
  const std::string accuracy = std::isnan(row.accuracy_sequence_to_structure)
                                   ? ""
                                   : fmt::format(", accuracy {:.1f} % and {:.1f} %",
                                                 100 * row.accuracy_sequence_to_structure,
                                                 100 * row.accuracy_structure_to_sequence);
  return fmt::format(
      "validation at {:.0f}: loss {:.3f}{}; {} over {} "
      "chains{}{}{}; effective ranks {:.1f} and {:.1f} of {}{}",
      row.step, row.loss, accuracy, recall, chains(), percentile,
      row.language_loss > 0 ? fmt::format("; residues {:.3f}, {:.1f} % right", row.language_loss,
                                          100 * row.language_accuracy)
                            : "",
      classes.empty() ? "" : "; classes " + classes, row.rank_sequence, row.rank_structure,
      settings_.model.joint.width, best);
}

template <class P>
std::string Validation<P>::warning(std::int64_t steps_done) const {
  constexpr double least_rank = 2;         // a line has 1
  constexpr double least_variance = 1e-3;  // on a sphere of radius 1: within 2 degrees
  constexpr int enough = 16;               // few chains span few directions
  // Encoders of many layers start close to a point, and leave it when the rate has risen.
  const bool too_early = steps_done <= settings_.optim.warmup_steps;
  if (!settings_.model.loss.is_joint() || !spreads_ || too_early) return "";
  const auto describe_collapsed = [&](const char* modality, const Spread& spread) {
    return (spread.effective_rank < least_rank && chains() >= enough) ||
                   spread.variance < least_variance
               ? fmt::format(
                     "{} (effective rank {:.1f}, mean squared distance from their mean "
                     "{:.2g}), ",
                     modality, spread.effective_rank, spread.variance)
               : std::string();
  };
  const std::string found = describe_collapsed("sequence", spreads_->sequence) +
                            describe_collapsed("structure", spreads_->structure);
  if (found.empty()) return "";
  return fmt::format(
      "the embeddings of the validation chains have collapsed: {}expected {:.0f} and {} at least; "
      "give the loss more that drives them apart (more &batch proteins, &loss uniformity_weight or "
      "variance_weight), or lower optim.lr_peak",
      found, least_rank, least_variance);
}

template class Validation<F32>;
template class Validation<F64>;

}  // namespace jespr
