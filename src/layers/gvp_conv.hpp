// GvpConv: messages of three perceptrons along the edges of a graph, averaged over the edges into
// each row. One layer: it saves arrays over rows and, where they are narrow, four over edges; the
// rest of a tile of edges is computed again in backward.
//
// What is linear is moved off the edges (doc/numerics.md counts the operations):
// - First perceptron: W [a_source, e, a_target] = W_1 a_source + W_2 e + W_3 a_target, so the node
//   parts of Wh, Wv Wh and Ws are computed per row and gathered; norms and relu stay per edge.
// - Second: Wv after Wh is linear, so [Wh; Wv Wh] is one product.
// - Third (no relu, no gate): Ws, its bias and Wv act behind the mean; Wh, which stands before the
//   norm, stays per edge. Rows without edges get no bias: their message is zero.
#pragma once

#include <array>
#include <string>

#include "kernels/neighbours.hpp"
#include "layers/gvp.hpp"

namespace jespr {

struct GvpConvShape {
  int scalars = 0, vectors = 0;            // S, U of the rows
  int edge_scalars = 0, edge_vectors = 0;  // S_e, U_e

  GvpShape message(int layer) const;
};

/// What backward need not compute again: [E, S], [E, U] of the first and second perceptron, behind
/// relu and sigmoid. Empty if not kept.
template <class T>
struct KeptMessages {
  Matrix<T> s1, gate0, s2, gate1;

  bool exist() const { return s1.extent(0) > 0; }
};

/// m_i = mean over edges j -> i of g3(g2(g1([s_j, e_s, s_i], [v_j, e_v, v_i]))).
template <class P>
struct GvpConv {
  using Real = typename P::Real;

  GvpConvShape shape;
  bool recompute = false;  // messages again in backward: 2 (S + U) numbers an edge are not kept
  std::array<Gvp<P>, 3> message;  // `name`.message_func.{0,1,2}

  struct Saved {
    Features<Real> nodes, edges;
    Features<Real> mean;  // [N, S + U], [N, 3, U]: what the maps behind the mean act on
    KeptMessages<Real> messages;
  };

  static GvpConv add(ParameterStore<P>& store, const std::string& name, const GvpConvShape& shape);
  void freeze() const;

  /// nodes [N, S], [N, 3, U]; edges [E, S_e], [E, 3, U_e] -> messages as nodes. Without
  /// `differentiate` nothing is kept for edges.
  Features<Real> forward(Context& context, const Features<Real>& nodes, const Features<Real>& edges,
                         const Graph& graph, Saved& saved, bool differentiate = true) const;
  /// `dout` is overwritten; `dnodes` and, unless null, `dedges` are added to.
  void backward(Context& context, const Saved& saved, const Graph& graph,
                const Features<Real>& dout, const Features<Real>& dnodes,
                const Features<Real>* dedges) const;
};

}  // namespace jespr
