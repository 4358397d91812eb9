// LanguageHead: from an encoder's rows to the tokens that they predict (ESM-2's, Lin et al. 2023).
#pragma once

#include <span>
#include <string>

#include "layers/layer_norm.hpp"
#include "layers/linear.hpp"
#include "model/softmax_head.hpp"

namespace jespr {

/// p(token | row) = softmax(E N(gelu(W x + b)) + c): E is the encoder's table of token embeddings
/// [33, C], N a layer norm, c a bias for each token. Only rows with a target are computed.
template <class P>
struct LanguageHead {
  using Real = typename P::Real;

  Linear<P> dense;        // lm_head.dense
  LayerNorm<P> norm;      // lm_head.layer_norm
  SoftmaxHead<P> tokens;  // the encoder's table, not the head's own; lm_head.bias [33]

  struct Saved {
    Vector<const int> rows;  // [M] that have a target
    typename Linear<P>::Saved dense;
    typename LayerNorm<P>::Saved norm;
    typename SoftmaxHead<P>::Saved tokens;
  };

  /// `prefix`lm_head..., names of fair-esm; `table` as the encoder has it.
  static LanguageHead add(ParameterStore<P>& store, const std::string& prefix, Weight<P> table);

  bool exists() const { return tokens.exists(); }
  /// Sums of the rows of rep [N, C] into saved.tokens.sums. targets [N]: tokens, or -1 for none.
  void forward(Context& context, Matrix<Real> rep, std::span<const int> targets,
               Saved& saved) const;
  /// Of `factor` times the sum of losses: drep [N, C] and parameter gradients accumulate, that of
  /// the table, too.
  void backward(Context& context, const Saved& saved, Real factor, Matrix<Real> drep) const;
};

}  // namespace jespr
