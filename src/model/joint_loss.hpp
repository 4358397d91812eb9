// JointLoss: the one of the losses over a global batch that the deck names.
#pragma once

#include <variant>

#include "model/clip_loss.hpp"
#include "model/distance_loss.hpp"
#include "model/no_joint_loss.hpp"
#include "model/siglip_loss.hpp"
#include "model/vicreg_loss.hpp"

namespace jespr {

template <class P>
struct JointLoss {
  using Real = typename P::Real;
  using Gradients = LossGradients<P>;

  std::variant<ClipLoss<P>, SiglipLoss<P>, VicregLoss<P>, DistanceLoss<P>, NoJointLoss<P>> kind;

  static JointLoss add(ParameterStore<P>& store, const LossSettings& settings);

  /// As ClipLoss::evaluate.
  LossResult evaluate(Context& context, const Communicator& communicator, const BatchLayout& layout,
                      Matrix<Real> sequence, Matrix<Real> structure, Gradients* gradients,
                      int flags = 0) const;

  /// Writes what belongs to a local shard into the gradients of the loss's own parameters.
  void set_parameter_gradients(const Gradients& gradients, std::size_t local_shard) const;

  /// exp(logit_scale); not a number where there is none.
  double scale() const;
  /// Keeps the logit scale at its bound; to be called after an update.
  void clamp() const;
};

}  // namespace jespr
