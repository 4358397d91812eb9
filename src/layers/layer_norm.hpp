// LayerNorm with gain and bias.
#pragma once

#include <string>

#include "tensor/context.hpp"
#include "tensor/store.hpp"

namespace jespr {

inline constexpr double layer_norm_eps = 1e-5;  // fair-esm and PyTorch's default

/// y = gain * (x - mean) / sqrt(var + eps) + bias over the C columns of each row.
template <class P>
struct LayerNorm {
  using Real = typename P::Real;

  Weight<P> gain;  // [C], `name`.weight
  Weight<P> bias;  // [C], `name`.bias

  struct Saved {
    Matrix<Real> x;
    Vector<Real> mean, rstd;  // [N]
  };

  static LayerNorm add(ParameterStore<P>& store, const std::string& name, int columns);
  void freeze() const {
    gain.freeze();
    bias.freeze();
  }

  /// y [N, C] is taken from the context's saved memory.
  Matrix<Real> forward(Context& context, Matrix<Real> x, Saved& saved) const;
  /// dx is assigned (it may be dy), or with `accumulate` added to.
  void backward(Context& context, const Saved& saved, Matrix<Real> dy, Matrix<Real> dx,
                bool accumulate = false) const;
};

}  // namespace jespr
