// DistanceLoss: partners together, all else apart, and nothing learned beside the encoders.
#pragma once

#include "backend/communicator.hpp"
#include "model/loss.hpp"
#include "tensor/context.hpp"

namespace jespr {

/// Alignment and uniformity (Wang & Isola 2020, arXiv:2005.10242):
/// L = a/B sum_i |x_i - y_i|^2 + u/2 (U(x) + U(y)),
/// U(x) = log( 1/(B(B-1)) sum_{i != j} w_ij ), w_ij = exp(-t |x_i - x_j|^2);
/// dU/dx_i = -4t / (sum of all w) sum_j w_ij (x_i - x_j).
/// With u = 0 it is the mere distance of partners, whose least value every collapsed embedding has.
/// One pass over tiles as those of ClipLoss for each modality. Its products round nothing.
template <class P>
struct DistanceLoss {
  using Real = typename P::Real;
  using Gradients = LossGradients<P>;

  double alignment_weight = 1, uniformity_weight = 1, sharpness = 2;  // a, u, t

  static DistanceLoss add(ParameterStore<P>& store, const LossSettings& settings);

  /// As ClipLoss::evaluate; B > 1.
  LossResult evaluate(Context& context, const Communicator& communicator, const BatchLayout& layout,
                      Matrix<Real> sequence, Matrix<Real> structure, Gradients* gradients,
                      int flags = 0) const;
};

}  // namespace jespr
