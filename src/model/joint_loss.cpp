// JointLoss.
#include "model/joint_loss.hpp"

#include <limits>

#include "tensor/loops.hpp"

namespace jespr {

template <class P>
JointLoss<P> JointLoss<P>::add(ParameterStore<P>& store, const LossSettings& settings) {
  if (!settings.is_joint() || settings.kind == "none") return {NoJointLoss<P>()};
  if (settings.kind == "siglip") return {SiglipLoss<P>::add(store, settings)};
  if (settings.kind == "vicreg") return {VicregLoss<P>::add(store, settings)};
  if (settings.kind == "distance") return {DistanceLoss<P>::add(store, settings)};
  return {ClipLoss<P>::add(store, settings)};
}

template <class P>
LossResult JointLoss<P>::evaluate(Context& context, const Communicator& communicator,
                                  const BatchLayout& layout, Matrix<Real> sequence,
                                  Matrix<Real> structure, Gradients* gradients, int flags) const {
  return std::visit(
      [&](const auto& loss) {
        return loss.evaluate(context, communicator, layout, sequence, structure, gradients, flags);
      },
      kind);
}

template <class P>
void JointLoss<P>::set_parameter_gradients(const Gradients& gradients,
                                           std::size_t local_shard) const {
  const auto set = [&](const Parameter<P>& parameter, const std::vector<double>& shards) {
    fill(parameter.gradient, static_cast<typename P::Master>(shards[local_shard]));
  };
  if (const auto* clip = std::get_if<ClipLoss<P>>(&kind))
    set(*clip->logit_scale.parameter, gradients.dlogit_scale);
  if (const auto* siglip = std::get_if<SiglipLoss<P>>(&kind)) {
    set(*siglip->logit_scale.parameter, gradients.dlogit_scale);
    set(*siglip->logit_bias, gradients.dlogit_bias);
  }
}

template <class P>
double JointLoss<P>::scale() const {
  if (const auto* clip = std::get_if<ClipLoss<P>>(&kind)) return clip->logit_scale.factor();
  if (const auto* siglip = std::get_if<SiglipLoss<P>>(&kind)) return siglip->logit_scale.factor();
  return std::numeric_limits<double>::quiet_NaN();
}

template <class P>
void JointLoss<P>::clamp() const {
  if (const auto* clip = std::get_if<ClipLoss<P>>(&kind)) clip->logit_scale.clamp();
  if (const auto* siglip = std::get_if<SiglipLoss<P>>(&kind)) siglip->logit_scale.clamp();
}

template struct JointLoss<F32>;
template struct JointLoss<F64>;

}  // namespace jespr
