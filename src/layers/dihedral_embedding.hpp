// DihedralEmbedding: a linear map of the dihedral features, and its own kind of norm.
#pragma once

#include <string>

#include "layers/linear.hpp"

namespace jespr {

/// y = FeatureNorm(W x + b). x [N, 6] -> y [N, C]; the norm is that of kernels/feature_norm.hpp.
template <class P>
struct DihedralEmbedding {
  using Real = typename P::Real;

  Linear<P> linear;      // `name`.node_embedding
  Weight<P> gain, bias;  // `name`.norm_nodes.{gain,bias}

  struct Saved {
    typename Linear<P>::Saved linear;
    Vector<Real> mean, sigma;  // [N]
  };

  static DihedralEmbedding add(ParameterStore<P>& store, const std::string& name, int inputs,
                               int width);

  Matrix<Real> forward(Context& context, Matrix<Real> x, Saved& saved) const;
  /// The input is data: only parameter gradients. `dy` is kept.
  void backward(Context& context, const Saved& saved, Matrix<Real> dy) const;
};

}  // namespace jespr
