// SelfAttention: projections, rotary embedding and attention of one transformer block.
#pragma once

#include <string>

#include "layers/linear.hpp"
#include "tensor/offsets.hpp"

namespace jespr {

/// out = Attention(x Wq^T + bq, x Wk^T + bk, x Wv^T + bv) Wo^T + bo, H heads of width C / H. What
/// `forward` returns lacks bo: the residual sum adds it (kernels/residual.hpp).
template <class P>
struct SelfAttention {
  using Real = typename P::Real;

  Linear<P> query_key_value;  // q, k, v joined: one product [N, C] -> [N, 3C]
  Linear<P> output;
  int heads = 1;
  bool rotary = false;
  bool causal = false;     // a row sees none behind it
  double dropout = 0;      // of attention probabilities
  std::uint32_t site = 0;  // of their random numbers

  struct Saved {
    typename Linear<P>::Saved query_key_value, output;
    Matrix<Real> qkv, context, lse;  // scaled and rotated [N, 3C]; [N, C]; [H, N]
  };

  /// `name`.{q,k,v,out}_proj.{weight,bias}, started as fair-esm does (Xavier, q k v / sqrt 2).
  static SelfAttention add(ParameterStore<P>& store, const std::string& name, int width, int heads,
                           bool rotary, double dropout);

  Matrix<Real> forward(Context& context, Matrix<Real> x, const Offsets& offsets,
                       Saved& saved) const;
  void backward(Context& context, const Saved& saved, const Offsets& offsets, Matrix<Real> dy,
                Matrix<Real> dx) const;
};

}  // namespace jespr
