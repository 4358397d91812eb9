// Expander: the map from the joint space to the rows that the criterion of VICReg sees.
#pragma once

#include <string>

#include "layers/layer_norm.hpp"
#include "layers/linear.hpp"

namespace jespr {

/// z = W3 N(relu(W2 N(relu(W1 sqrt(J) x + b1)) + b2)), [B, J] -> [B, E]: three linear maps as in
/// Bardes et al. 2022, one for both modalities, so that what is alike behind it is alike before it.
/// N is a layer norm, where the paper has a batch norm: a row does not depend on its shard. The
/// factor sqrt(J), which gives the numbers of a row of length 1 a mean square of 1, is in the
/// initial values of W1.
template <class P>
struct Expander {
  using Real = typename P::Real;

  Linear<P> first, second, third;
  LayerNorm<P> first_norm, second_norm;

  struct Saved {
    typename Linear<P>::Saved first, second, third;
    typename LayerNorm<P>::Saved first_norm, second_norm;
  };

  /// `name`.0, .1 (norm), .2, .3 (norm), .4.
  static Expander add(ParameterStore<P>& store, const std::string& name, int inputs, int width);

  bool exists() const { return first.weight.exists(); }
  Matrix<Real> forward(Context& context, Matrix<Real> x, Saved& saved) const;
  /// dx [B, J] is assigned; parameter gradients accumulate. `dz` is overwritten.
  void backward(Context& context, const Saved& saved, Matrix<Real> dz, Matrix<Real> dx) const;
};

/// Operations (2 x multiply-adds) of its products on so many rows.
double expander_operations(double inputs, double width, double rows);

}  // namespace jespr
