// ClipLoss: symmetric InfoNCE with a learned logit scale (Radford et al. 2021, arXiv:2103.00020),
// over the global batch of all ranks, without a logit matrix.
#pragma once

#include "backend/communicator.hpp"
#include "model/logit_scale.hpp"
#include "tensor/context.hpp"

namespace jespr {

/// s_ij = exp(logit_scale) x_i . y_j;
/// L = 1/(2B) sum_i (a_i - s_ii) + 1/(2B) sum_j (c_j - s_jj), a and c the log-sum-exp of rows and
/// columns;
/// dL/dx_i = scale/(2B) sum_j (exp(s_ij - a_i) + exp(s_ij - c_j) - 2 delta_ij) y_j, likewise y_j;
/// dL/dlogit_scale = sum_ij dL/ds_ij s_ij.
/// Two passes over tiles of one shard's rows by one shard's columns, at most 1024 of each, in
/// global order: memory is linear in B and no product's shape depends on the number of ranks. Its
/// products round nothing, whatever the precision of the others.
template <class P>
struct ClipLoss {
  using Real = typename P::Real;
  using Gradients = LossGradients<P>;

  LogitScale<P> logit_scale;

  static ClipLoss add(ParameterStore<P>& store, const LossSettings& settings);

  /// sequence, structure: the local rows [local proteins, J] in the order of shards. `gradients`
  /// may be null (validation). `flags` is or-ed over ranks into the result.
  LossResult evaluate(Context& context, const Communicator& communicator, const BatchLayout& layout,
                      Matrix<Real> sequence, Matrix<Real> structure, Gradients* gradients,
                      int flags = 0) const;
};

}  // namespace jespr
