// TrainingStep.
#include "driver/training_step.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "model/loss_tiles.hpp"
#include "optim/schedule.hpp"
#include "tensor/loops.hpp"
#include "tensor/profiling.hpp"

namespace jespr {
namespace {

template <class P>
JointModel<P> build(ParameterStore<P>& store, const ModelSettings& settings, std::uint64_t seed) {
  JointModel<P> model = JointModel<P>::add(store, settings);
  store.freeze();
  store.initialize(seed);
  return model;
}

/// Dropout's key, a hash of the whole seed and the step: what is dropped depends on these and on
/// nothing of the machine.
PhiloxKey dropout_key(std::int64_t seed, std::int64_t step) {
  PhiloxStream hash(static_cast<std::uint64_t>(seed), "dropout", static_cast<std::uint64_t>(step));
  const std::uint32_t first = hash.word();
  return {{first, hash.word()}};
}

}  // namespace

template <class P>
TrainingStep<P>::TrainingStep(const Settings& settings, const Communicator& communicator,
                              ProductLibrary library)
    : settings_(settings),
      communicator_(communicator),
      products_(library, settings.run.operands()),
      context_{saved_, scratch_, products_},
      model_(build(store_, settings.model, static_cast<std::uint64_t>(settings.run.seed))),
      optimizer_(std::make_unique<Adam<P>>(settings.optim, store_)),
      gradient_sum_(store_.size(), static_cast<int>(settings.batch.shards) / communicator.size()) {
  context_.timers = &timers_;
  model_.recompute_blocks(settings.batch.recompute_blocks);
  model_.recompute_messages(settings.batch.recompute_messages);
  store_.keep_copies_by(products_);
}

template <class P>
StepReport TrainingStep<P>::take(std::int64_t step, const std::vector<data::ShardRows>& shards,
                                 const BatchLayout& layout, int flags) {
  const Region region("training step");
  StepReport report;
  {
    context_.training = true;
    context_.random = dropout_key(settings_.run.seed, step);
    Scope saved_scope(saved_), scratch_scope(scratch_);
    const auto block = [&](const RowLayout& rows) {
      return scratch_.matrix<Real>(static_cast<std::size_t>(rows.local_rows()),
                                   static_cast<std::size_t>(model_.loss_width()));
    };
    const Embeddings embeddings{block(layout.sequences()), block(layout.structures())};
    gradient_.dsequence = block(layout.sequences());
    gradient_.dstructure = block(layout.structures());

    double language_factor = 0;
    kept_.resize(shards.size());
    forward(shards, layout, embeddings, report);
    {
      const Timed timed = context_.time("loss");
      const Region part("loss");
      report.logit_scale = model_.loss.scale();
      report.loss = model_.loss.evaluate(context_, communicator_, layout, embeddings.sequence,
                                         embeddings.structure, &gradient_, flags);
      if (model_.language.exists()) language_factor = add_language(layout, report.loss);
      if (model_.classes.exists()) add_classes(layout, report);
    }
    const auto class_factors = model_.classes.factors(report.classes);
    backward(shards, layout, gradient_, language_factor, class_factors);
    {
      const Timed timed = context_.time("gradient reduction");
      const Region part("gradient reduction");
      gradient_sum_.finish(context_, communicator_,
                           settings_.batch.exact() ? Reduction::exact : Reduction::fast,
                           store_.gradients());
    }
    {
      const Timed timed = context_.time("optimizer");
      const Region part("optimizer");
      report.learning_rate = learning_rate(settings_.optim, step);
      report.update = optimizer_->update(context_, report.learning_rate, report.loss.loss);
      if (report.update.applied) model_.loss.clamp();  // a skipped step changes nothing
    }
    context_.training = false;
  }
  saved_.settle();
  scratch_.settle();
  return report;
}

template <class P>
void TrainingStep<P>::forward(const std::vector<data::ShardRows>& shards, const BatchLayout& layout,
                              const Embeddings& all, StepReport& report) {
  const bool keep = !settings_.batch.recompute;
  for (std::size_t k = 0; k < shards.size(); ++k) {
    const auto run = [&] {
      const Embeddings own =
          model_.forward_to_losses(context_, shards[k], kept_[k], keep, &report.work);
      if (!model_.is_joint) return;
      const Embeddings rows = rows_of_shard(all, layout, static_cast<int>(k));
      copy(rows.sequence, own.sequence);
      copy(rows.structure, own.structure);
    };
    if (keep) {
      run();
    } else {
      Scope transient(saved_);
      run();
    }
  }
}

template <class P>
void TrainingStep<P>::backward(const std::vector<data::ShardRows>& shards,
                               const BatchLayout& layout, const LossGradients<P>& gradient,
                               double language_factor, std::span<const double> class_factors) {
  const Embeddings all{gradient.dsequence, gradient.dstructure};
  // The last shard first: sums of pairs do not mind, and activations are given back as they came.
  for (std::size_t k = shards.size(); k-- > 0;) {
    Scope transient(saved_);
    if (settings_.batch.recompute) {
      Observer observer = std::exchange(context_.observer, nullptr);  // it has seen this shard
      model_.forward_to_losses(context_, shards[k], kept_[k], true);
      context_.observer = std::move(observer);
    }
    store_.zero_gradients();
    const Embeddings rows = rows_of_shard(all, layout, static_cast<int>(k));
    model_.backward(context_, kept_[k], rows, language_factor, class_factors);
    model_.loss.set_parameter_gradients(gradient, k);
    const Timed timed = context_.time("gradient reduction");
    const Region region("gradient reduction");
    gradient_sum_.add(store_.gradients());
  }
}

template <class P>
double TrainingStep<P>::add_language(const BatchLayout& layout, LossResult& loss) {
  Scope scope(scratch_);
  const auto mine = scratch_.host_array<PredictionSums>(kept_.size());
  for (std::size_t k = 0; k < kept_.size(); ++k) mine[k] = kept_[k].language.tokens.sums;
  PredictionSums all;
  for (const PredictionSums& shard :
       gathered(scratch_, communicator_, layout, std::span<const PredictionSums>(mine)))
    all += shard;
  const double weight = settings_.model.loss.language_weight();
  loss.language_loss = all.mean_loss();
  loss.language_accuracy = all.accuracy();
  loss.loss += weight * loss.language_loss;
  return all.rows > 0 ? weight / all.rows : 0;
}

template <class P>
void TrainingStep<P>::add_classes(const BatchLayout& layout, StepReport& report) {
  Scope scope(scratch_);
  const auto mine = scratch_.host_array<ClassLevelSums>(kept_.size());
  for (std::size_t k = 0; k < kept_.size(); ++k)
    mine[k] = ClassHeads<P>::sums_of(kept_[k].sequence_classes, kept_[k].structure_classes);
  report.classes = sum_over_shards(scratch_, communicator_, layout, mine);
  report.loss.loss += model_.classes.loss(report.classes);
}

template <class P>
typename TrainingStep<P>::Embeddings TrainingStep<P>::rows_of_shard(const Embeddings& all,
                                                                    const BatchLayout& layout,
                                                                    int local_shard) const {
  const auto part = [&](const Matrix<Real>& rows, const RowLayout& cut) {
    const int shard = layout.first_local + local_shard, first = cut.first_local_row();
    return rows_of(rows, static_cast<std::size_t>(cut.start_of(shard) - first),
                   static_cast<std::size_t>(cut.start_of(shard + 1) - first));
  };
  return {part(all.sequence, layout.sequences()), part(all.structure, layout.structures())};
}

template <class P>
void TrainingStep<P>::reserve(double factor) {
  saved_.settle(factor);
  scratch_.settle(factor);
  products_.reserve(factor);
}

template <class P>
std::string TrainingStep<P>::diagnosis() const {
  constexpr int most = 5;
  int listed = 0;
  std::string text;
  for (const auto& p : store_.parameters()) {
    int bad = 0;
    for (auto value : to_host(p.gradient)) bad += std::isfinite(value) ? 0 : 1;
    if (bad == 0) continue;
    if (++listed <= most)
      text +=
          fmt::format("{}{} ({} of {} elements)", text.empty() ? "" : ", ", p.name, bad, p.size);
  }
  if (listed == 0) return "all gradients are finite: the loss itself is not";
  if (listed > most) text += fmt::format(" and {} more", listed - most);
  return "gradients that are not finite: " + text;
}

template <class P>
double TrainingStep<P>::parameter_bytes() const {
  constexpr double buffers = 2;  // values, gradients
  return buffers * static_cast<double>(store_.size() * sizeof(typename P::Master)) +
         optimizer_->bytes() + static_cast<double>(gradient_sum_.bytes());
}

template <class P>
double TrainingStep<P>::activation_bytes() const {
  return static_cast<double>(saved_.stack().high_water());
}

template <class P>
double TrainingStep<P>::scratch_bytes() const {
  return static_cast<double>(scratch_.stack().high_water()) + products_.bytes();
}

template class TrainingStep<F32>;
template class TrainingStep<F64>;

}  // namespace jespr
