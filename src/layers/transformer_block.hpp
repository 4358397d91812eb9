// TransformerBlock: the pre-norm block of both encoders, and the stack of them.
#pragma once

#include <string>
#include <vector>

#include "layers/attention.hpp"
#include "layers/layer_mix.hpp"
#include "layers/layer_norm.hpp"

namespace jespr {

struct TransformerShape {
  int layers = 0;
  int width = 0;         // C
  int heads = 1;         // H
  int feed_forward = 0;  // F
  Activation activation = Activation::gelu;
  bool rotary = false;
  bool causal = false;           // a row sees none behind it
  double dropout = 0;            // after attention and after the feed-forward
  double attention_dropout = 0;  // of attention probabilities
};

/// x += Dropout(Attention(LN(x))); x += Dropout(W2 act(W1 LN(x))).  [N, C] -> [N, C]
template <class P>
struct TransformerBlock {
  using Real = typename P::Real;

  LayerNorm<P> attention_norm;
  SelfAttention<P> attention;
  LayerNorm<P> feed_forward_norm;
  Linear<P> expand, contract;  // fc1, fc2
  double dropout = 0;
  std::uint32_t attention_site = 0, feed_forward_site = 0;

  struct Saved {
    typename LayerNorm<P>::Saved attention_norm, feed_forward_norm;
    typename SelfAttention<P>::Saved attention;
    typename Linear<P>::Saved expand, contract;
  };

  static TransformerBlock add(ParameterStore<P>& store, const std::string& name,
                              const TransformerShape& shape);
  void freeze() const;

  Matrix<Real> forward(Context& context, Matrix<Real> x, const Offsets& offsets,
                       Saved& saved) const;
  /// In place: `dx` holds dL/d(output) on entry and dL/d(input) on return.
  void backward(Context& context, const Saved& saved, const Offsets& offsets,
                Matrix<Real> dx) const;
};

/// Blocks one after the other, then, where it exists, the mix of the last ones' outputs. The first
/// `frozen` ones save nothing and are not differentiated.
template <class P>
struct TransformerStack {
  using Real = typename P::Real;

  std::vector<TransformerBlock<P>> blocks;
  LayerMix<P> mix;
  int frozen = 0;
  bool recompute = false;  // a block keeps its input alone and runs forward again in backward

  struct Saved {
    std::vector<typename TransformerBlock<P>::Saved> blocks;
    std::vector<Matrix<Real>> inputs;  // of the blocks, where they recompute
    typename LayerMix<P>::Saved mix;
  };

  /// Blocks `name`.0, `name`.1, ..., the last one with no layer above it.
  static TransformerStack add(ParameterStore<P>& store, const std::string& name,
                              const TransformerShape& shape);
  /// Freezes the first `layers` blocks.
  void freeze(int layers);

  /// Without `saved` (evaluation) the memory of one block serves all, and `x` is overwritten.
  Matrix<Real> forward(Context& context, Matrix<Real> x, const Offsets& offsets,
                       Saved* saved) const;
  /// `dx` in place; ends at the last frozen block.
  void backward(Context& context, Saved& saved, const Offsets& offsets, Matrix<Real> dx) const;

 private:
  int first_mixed() const { return static_cast<int>(blocks.size()) - mix.layers; }
};

/// Multiply-adds per row of one block's linear maps, and per (query, key) pair of its attention.
inline double block_operations(const TransformerShape& s, double rows, double pairs) {
  const double c = s.width;
  return 2 * (rows * (4 * c * c + 2 * c * s.feed_forward) + pairs * 2 * c);
}

}  // namespace jespr
