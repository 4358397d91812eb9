// GraphEncoder: from backbone geometry to scalars and vectors of each residue: embedded node and
// edge features, then layers of messages (Jing et al. 2021; Hsu et al. 2022).
#pragma once

#include <string>
#include <vector>

#include "layers/gvp_block.hpp"
#include "layers/linear.hpp"

namespace jespr {

struct GraphShape {
  int scalars = 1024, vectors = 256;        // S, U of a residue
  int edge_scalars = 32, edge_vectors = 1;  // of an edge
  int layers = 4;
  int neighbours = 30;  // K
  double dropout = 0;

  GvpConvShape conv() const { return {scalars, vectors, edge_scalars, edge_vectors}; }
};

template <class P>
struct GraphEncoder {
  using Real = typename P::Real;

  GraphShape shape;
  Gvp<P> embed_node, embed_edge;    // `name`.embed_graph.embed_{node,edge}.0
  GvpNorm<P> node_norm, edge_norm;  // `name`.embed_graph.embed_{node,edge}.1
  Linear<P> embed_confidence;       // `name`.embed_graph.embed_confidence
  std::vector<GvpBlock<P>> blocks;  // `name`.encoder_layers.0, ...
  int frozen = 0;                   // blocks that are not trained, from the first
  bool embedding_frozen = false;
  bool recompute = false;  // a block keeps its input alone and runs forward again in backward

  struct Saved {
    Graph graph;
    typename Gvp<P>::Saved embed_node, embed_edge;
    typename GvpNorm<P>::Saved node_norm, edge_norm;
    typename Linear<P>::Saved embed_confidence;
    std::vector<typename GvpBlock<P>::Saved> blocks;
    Features<Real> edges;                // embedded
    std::vector<Features<Real>> inputs;  // of the blocks, where they recompute
  };

  /// `layers_above`: those of the encoder that it is a part of.
  static GraphEncoder add(ParameterStore<P>& store, const std::string& name,
                          const GraphShape& shape, int layers_above = 0);

  /// Freezes the embedding and the first `layers` blocks; 0 freezes nothing.
  void freeze(int layers);
  bool trains() const { return !embedding_frozen || frozen < shape.layers; }

  /// confidence: radial basis [N, 16]. Without `differentiate`, and for frozen layers, nothing is
  /// kept but the result.
  Features<Real> forward(Context& context, Tensor3<const Real> coordinates, const Offsets& offsets,
                         const kernels::NodeGeometry<Real>& geometry, Matrix<Real> confidence,
                         Saved& saved, bool differentiate) const;
  /// `d` is overwritten.
  void backward(Context& context, Saved& saved, const Offsets& offsets,
                const Features<Real>& d) const;

 private:
  Features<Real> embed_nodes(Context& context, const kernels::NodeGeometry<Real>& geometry,
                             Matrix<Real> confidence, Saved& saved) const;
  Features<Real> embed_edges(Context& context, Tensor3<const Real> coordinates, Saved& saved) const;
  Features<Real> run(Context& context, Tensor3<const Real> coordinates, const Offsets& offsets,
                     const kernels::NodeGeometry<Real>& geometry, Matrix<Real> confidence,
                     Saved& saved, bool differentiate) const;
};

double published_operations(const GraphShape& shape, double rows, double edges);

}  // namespace jespr
