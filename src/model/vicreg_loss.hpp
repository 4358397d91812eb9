// VicregLoss: partners alike, every column spread, no two columns the same (Bardes et al. 2022,
// VICReg, arXiv:2105.04906): no negatives, no logits.
#pragma once

#include "backend/communicator.hpp"
#include "model/loss.hpp"
#include "tensor/context.hpp"

namespace jespr {

/// Algorithm 1 of the paper, on rows z, z' [B, E] that need no unit length:
/// L = l/(B E) sum_i |z_i - z'_i|^2 + m (v(z) + v(z')) + n (c(z) + c(z')),
/// C = 1/(B-1) sum_i (z_i - mean)(z_i - mean)^T,
/// v = 1/E sum_a max(0, 1 - sqrt(C_aa + 1e-4)), c = 1/E sum_{a != b} C_ab^2;
/// the derivatives of v and c by z_i are 1/(B-1) (z_i - mean) G with
/// G_ab = 4/E C_ab off the diagonal, G_aa = -1/E / sqrt(C_aa + 1e-4) where v has a part.
/// Every rank gathers the batch and computes the E x E covariance whole, the same bits on any
/// number of ranks; gradients are products of one shard's rows. Its products round nothing.
template <class P>
struct VicregLoss {
  using Real = typename P::Real;
  using Gradients = LossGradients<P>;

  double invariance_weight = 25, variance_weight = 25, covariance_weight = 1;  // l, m, n

  static VicregLoss add(ParameterStore<P>& store, const LossSettings& settings);

  /// As ClipLoss::evaluate, rows of E columns; B > 1.
  LossResult evaluate(Context& context, const Communicator& communicator, const BatchLayout& layout,
                      Matrix<Real> sequence, Matrix<Real> structure, Gradients* gradients,
                      int flags = 0) const;
};

}  // namespace jespr
