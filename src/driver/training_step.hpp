// TrainingStep: one step of joint pre-training, and all that it changes.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "backend/communicator.hpp"
#include "backend/products.hpp"
#include "driver/settings.hpp"
#include "model/joint_model.hpp"
#include "optim/adam.hpp"
#include "optim/gradient_sum.hpp"

namespace jespr {

struct StepReport {
  LossResult loss;
  UpdateReport update;
  double logit_scale = 0;  // at the forward pass; not a number where the loss has none
  double learning_rate = 0;
  ShardWork work;          // of this rank, one forward pass
  ClassLevelSums classes;  // of the class heads, over the global batch
};

template <class P>
class TrainingStep {
 public:
  using Real = typename P::Real;

  /// Builds the model with its initial values; `library` decides the bits of the products.
  TrainingStep(const Settings& settings, const Communicator& communicator, ProductLibrary library);

  /// forward, loss, backward, sum over ranks, update. `shards` are this rank's; `step` counts from
  /// 0; `flags` (requests to stop) are or-ed over ranks into the report.
  StepReport take(std::int64_t step, const std::vector<data::ShardRows>& shards,
                  const BatchLayout& layout, int flags);

  /// Makes room for steps whose shards have `factor` times the rows of the largest so far, so that
  /// they allocate nothing.
  void reserve(double factor);

  /// Why updates are being skipped: the parameters whose gradients are not finite.
  std::string diagnosis() const;

  Context& context() { return context_; }
  JointModel<P>& model() { return model_; }
  ParameterStore<P>& store() { return store_; }
  Adam<P>& optimizer() { return *optimizer_; }
  Products& products() { return products_; }
  Timers& timers() { return timers_; }
  /// Bytes of parameters, gradients, moments and partial sums; and of activations at their peak.
  double parameter_bytes() const;
  double activation_bytes() const;
  double scratch_bytes() const;

 private:
  using Embeddings = typename JointModel<P>::Embeddings;
  using Saved = typename JointModel<P>::Saved;

  /// Rows of one shard in the local blocks [local rows, J] of both modalities.
  Embeddings rows_of_shard(const Embeddings& all, const BatchLayout& layout, int local_shard) const;
  void forward(const std::vector<data::ShardRows>& shards, const BatchLayout& layout,
               const Embeddings& all, StepReport& report);
  void backward(const std::vector<data::ShardRows>& shards, const BatchLayout& layout,
                const LossGradients<P>& gradient, double language_factor,
                std::span<const double> class_factors);
  /// Adds the language head's part to the loss; the factor of its gradient.
  double add_language(const BatchLayout& layout, LossResult& loss);
  /// Adds the class heads' part to the loss.
  void add_classes(const BatchLayout& layout, StepReport& report);

  const Settings& settings_;
  const Communicator& communicator_;
  Products products_;
  Workspace saved_{"activations"}, scratch_{"scratch"};
  std::vector<Saved> kept_;  // of each local shard, from forward to backward
  LossGradients<P> gradient_;
  Timers timers_;
  Context context_;
  ParameterStore<P> store_;
  JointModel<P> model_;
  std::unique_ptr<Adam<P>> optimizer_;
  GradientSum<typename P::Master> gradient_sum_;
};

}  // namespace jespr
