// LayerNorm with gain and bias.
#pragma once

#include <string>

#include "kernels/dropout.hpp"
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
  /// The layer norm of stream + Dropout(branch + branch_bias), which `branch` becomes.
  Matrix<Real> forward_of_sum(Context& context, Matrix<Real> branch, Vector<Real> branch_bias,
                              const kernels::RowDropout& dropout, Matrix<Real> stream,
                              Saved& saved) const;
  /// dx is assigned (it may be dy), or with `accumulate` added to.
  void backward(Context& context, const Saved& saved, Matrix<Real> dy, Matrix<Real> dx,
                bool accumulate = false) const;

 private:
  /// Takes memory for a norm of x.
  Matrix<Real> take(Context& context, Matrix<Real> x, Saved& saved) const;
};

}  // namespace jespr
