// SiglipLoss: every pair of a batch is a yes-or-no question (Zhai et al. 2023, arXiv:2303.15343).
#pragma once

#include "backend/communicator.hpp"
#include "model/logit_scale.hpp"
#include "tensor/context.hpp"

namespace jespr {

/// Of B structures y and S = K B sequences x, K crops of each protein
/// (layout.sequences_of_protein). s_ij = exp(logit_scale) x_i . y_j, z_ij = 1 for partners, else
/// -1; L = 1/S sum_ij log(1 + exp(-z_ij (s_ij + b))); dL/dx_i = scale sum_j G_ij y_j with G_ij =
/// -z_ij / (S (1 + exp(z_ij (s_ij + b)))), likewise y_j; dL/dlogit_scale = sum_ij G_ij s_ij, dL/db
/// = sum_ij G_ij. One pass over tiles as those of ClipLoss, in each direction. Its products round
/// nothing.
template <class P>
struct SiglipLoss {
  using Real = typename P::Real;
  using Gradients = LossGradients<P>;

  LogitScale<P> logit_scale;  // log 10 at the start, by the deck's defaults
  Parameter<P>* logit_bias = nullptr;

  static SiglipLoss add(ParameterStore<P>& store, const LossSettings& settings);

  /// As ClipLoss::evaluate.
  LossResult evaluate(Context& context, const Communicator& communicator, const BatchLayout& layout,
                      Matrix<Real> sequence, Matrix<Real> structure, Gradients* gradients,
                      int flags = 0) const;
};

}  // namespace jespr
