// StructureEncoder: the GVP-transformer encoder of ESM-IF1 (Hsu et al. 2022, ICML) on packed rows.
#pragma once

#include <string>

#include "layers/dihedral_embedding.hpp"
#include "layers/transformer_block.hpp"
#include "model/graph_encoder.hpp"
#include "model/structure_settings.hpp"

namespace jespr {

/// Backbones of a shard: start row, residues, end row of each protein, end to end. Start and end
/// rows have coordinates that are not finite, as missing residues have.
template <class T>
struct StructureInput {
  Offsets offsets;
  Tensor3<const T> coordinates;  // [N, 3 (N, CA, C), 3 (xyz)], Angstrom
  Vector<const T> confidence;    // [N] in [0, 1]; read for complete residues only
};

template <class P>
struct StructureEncoder {
  using Real = typename P::Real;

  StructureShape shape;
  Weight<P> table;             // embed_tokens.weight [35, C]; only <mask> is ever used
  Linear<P> embed_geometry;    // embed_gvp_input_features
  Linear<P> embed_confidence;  // embed_confidence
  DihedralEmbedding<P> embed_dihedrals;
  GraphEncoder<P> graph;       // gvp_encoder
  Linear<P> embed_graph;       // embed_gvp_output
  TransformerStack<P> blocks;  // layers
  LayerNorm<P> norm;           // layer_norm
  bool inputs_frozen = false;
  std::uint32_t embedding_site = 0;  // of random numbers

  struct Saved {
    Offsets offsets;
    kernels::NodeGeometry<Real> geometry;
    typename GraphEncoder<P>::Saved graph;
    typename Linear<P>::Saved embed_graph, embed_geometry, embed_confidence;
    typename DihedralEmbedding<P>::Saved embed_dihedrals;
    typename TransformerStack<P>::Saved blocks;
    typename LayerNorm<P>::Saved norm;
  };

  /// Parameters under their fair-esm names behind `prefix`.
  static StructureEncoder add(ParameterStore<P>& store, const std::string& prefix,
                              const StructureShape& shape);

  /// Freezes the first `layers` layers, GVP layers first, then transformer blocks, and all that
  /// feeds them; all of them: the final norm too. 0 freezes nothing.
  void freeze(int layers);

  /// Representation [N, C]. `differentiate` false: what backward needs is not kept.
  Matrix<Real> forward(Context& context, const StructureInput<Real>& input, Saved& saved,
                       bool differentiate) const;
  /// `drep` [N, C] is overwritten.
  void backward(Context& context, Saved& saved, Matrix<Real> drep) const;

 private:
  /// Sum of all embeddings: the input of the first transformer block.
  Matrix<Real> embed(Context& context, const StructureInput<Real>& input, Saved& saved,
                     bool differentiate) const;
  /// `dx` is kept.
  void embed_backward(Context& context, Saved& saved, Matrix<Real> dx) const;
};

}  // namespace jespr
