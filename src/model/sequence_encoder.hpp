// SequenceEncoder: ESM-2 (Lin et al. 2023, doi:10.1126/science.ade2574) on packed rows.
#pragma once

#include <span>
#include <string>

#include "layers/transformer_block.hpp"

namespace jespr {

struct SequenceShape {
  int layers = 6;
  int width = 320;  // C; the feed-forward is 4 C wide
  int heads = 20;
  double dropout = 0;        // the released ESM-2 has none
  bool causal = false;       // attention to what stands before alone: not ESM-2's
  int mixed_layers = 1;      // whose outputs the final norm sees
  bool learned_mix = false;  // their weights

  TransformerShape transformer() const;
};

/// Tokens of a shard: <cls> residues <eos> of each protein, end to end; not owned.
struct SequenceInput {
  Offsets offsets;
  std::span<const int> tokens;  // [N], ESM-1b alphabet, on the host
};

template <class P>
struct SequenceEncoder {
  using Real = typename P::Real;

  SequenceShape shape;
  Weight<P> table;  // embed_tokens.weight [33, C]
  TransformerStack<P> blocks;
  LayerNorm<P> norm;

  struct Saved {
    Offsets offsets;
    Vector<const Real> factor;        // [N] of the token-dropout rescaling
    Vector<const int> rows_by_token;  // [N]
    Vector<const int> token_starts;   // [34]
    typename TransformerStack<P>::Saved blocks;
    typename LayerNorm<P>::Saved norm;
  };

  /// Parameters `prefix`embed_tokens.weight, `prefix`layers.0..., `prefix`layer_weights if learned,
  /// `prefix`emb_layer_norm_after.
  static SequenceEncoder add(ParameterStore<P>& store, const std::string& prefix,
                             const SequenceShape& shape);

  /// Freezes the embedding and the first `layers` blocks; 0 freezes nothing, all of them the final
  /// norm too.
  void freeze(int layers);

  /// Representation [N, C]. `differentiate` false: nothing is kept.
  Matrix<Real> forward(Context& context, const SequenceInput& input, Saved& saved,
                       bool differentiate) const;
  /// `drep` [N, C] is overwritten.
  void backward(Context& context, Saved& saved, Matrix<Real> drep) const;
};

/// Operations (2 x multiply-adds) of the forward pass as published: every linear map on `rows` rows
/// and attention over `pairs` (query, key) pairs.
double published_operations(const SequenceShape& shape, double rows, double pairs);

}  // namespace jespr
