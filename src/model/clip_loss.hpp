// ClipLoss: symmetric InfoNCE with a learned logit scale (Radford et al. 2021, arXiv:2103.00020),
// over the global batch of all ranks, without a logit matrix.
#pragma once

#include "backend/communicator.hpp"
#include "model/logit_scale.hpp"
#include "tensor/context.hpp"

namespace jespr {

/// Of B structures y and S = K B sequences x, K crops of each protein
/// (layout.sequences_of_protein). s_ij = exp(logit_scale) x_i . y_j, a and c the log-sum-exp of
/// rows i and columns j, p(i) the protein of sequence i: L = 1/(2S) sum_i (a_i - s_i,p(i)) + 1/(2B)
/// sum_j (c_j - 1/K sum_{i: p(i) = j} s_ij): of a structure the mean over its K positives of the
/// negative log-softmax (L_out of Khosla et al. 2020, arXiv:2004.11362, eq. 2). K = 1 is CLIP. With
/// delta_ij = 1 where p(i) = j, else 0, dL/dx_i = scale/(2S) sum_j (exp(s_ij - a_i) + K exp(s_ij -
/// c_j) - 2 delta_ij) y_j, likewise y_j; dL/dlogit_scale = sum_ij dL/ds_ij s_ij. Two passes over
/// tiles of one shard's rows by one shard's columns, at most 1024 of each, in global order: memory
/// is linear in S and no product's shape depends on the number of ranks. Its products round
/// nothing, whatever the precision of the others.
template <class P>
struct ClipLoss {
  using Real = typename P::Real;
  using Gradients = LossGradients<P>;

  LogitScale<P> logit_scale;

  static ClipLoss add(ParameterStore<P>& store, const LossSettings& settings);

  /// sequence, structure: the local rows [K local proteins, J] and [local proteins, J] in the order
  /// of shards, the crops of a protein side by side. `gradients` may be null (validation). `flags`
  /// is or-ed over ranks into the result.
  LossResult evaluate(Context& context, const Communicator& communicator, const BatchLayout& layout,
                      Matrix<Real> sequence, Matrix<Real> structure, Gradients* gradients,
                      int flags = 0) const;
};

}  // namespace jespr
