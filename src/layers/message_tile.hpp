// The messages of a tile of edges, and their gradients.
#pragma once

#include "layers/message_weights.hpp"

namespace jespr {

/// Arrays over the edges of a tile, in a Workspace or a Slab.
template <class T, class Memory>
struct EdgeArrays {
  Memory& memory;
  int edges;

  Matrix<T> matrix(int columns) const {
    return memory.template matrix<T>(std::size_t(edges), std::size_t(columns));
  }
  Tensor3<T> tensor(int channels) const {
    return memory.template tensor<T>(std::size_t(edges), 3, std::size_t(channels));
  }
};

/// The rows of a tile in an array over all edges.
template <class V>
V edges_of(const V& all, const Graph::Tile& tile) {
  return rows_of(all, std::size_t(tile.begin), std::size_t(tile.end));
}

/// Everything a tile of edges computes on its way to the mean.
template <class T>
struct TileValues {
  Matrix<T> x0;            // [tile, S_e + h] edge scalars and norms of vh0: input of the first Ws
  Tensor3<T> v0;           // [tile, 3, K] vh0, then the vectors before the first gate
  Matrix<T> x1;            // [tile, S + U] first scalars, norms of vh1
  Matrix<T> gate0, gate1;  // [tile, U]
  Tensor3<T> v1;           // [tile, 3, U] after the first gate
  Tensor3<T> m1;           // [tile, 3, 2U] vh1, then the vectors before the second gate
  Matrix<T> x2;            // [tile, S + U] second scalars, norms of vh2
  Tensor3<T> v2;           // [tile, 3, U] after the second gate
  Tensor3<T> vh2;          // [tile, 3, U]

  template <class Memory>
  static TileValues take(Memory& memory, const MessageWeights<T>& p, int edges) {
    const int s = p.shape.scalars, u = p.shape.vectors;
    const EdgeArrays<T, Memory> arrays{memory, edges};
    return {arrays.matrix(p.input), arrays.tensor(p.folded), arrays.matrix(s + u),
            arrays.matrix(u),       arrays.matrix(u),        arrays.tensor(u),
            arrays.tensor(2 * u),   arrays.matrix(s + u),    arrays.tensor(u),
            arrays.tensor(u)};
  }
  /// For forward alone: vectors lie where those did that nobody reads again, so that a tile and
  /// the weights stay in the second cache.
  template <class Memory>
  static TileValues take_in_turn(Memory& memory, const MessageWeights<T>& p, int edges) {
    const int s = p.shape.scalars, u = p.shape.vectors;
    const EdgeArrays<T, Memory> arrays{memory, edges};
    const Tensor3<T> v0 = arrays.tensor(p.folded), v1 = arrays.tensor(u);
    const auto in_place_of_v0 = [&](int channels) {
      return Tensor3<T>(v0.data(), v0.extent(0), 3, std::size_t(channels));
    };
    return {arrays.matrix(p.input),
            v0,
            arrays.matrix(s + u),
            arrays.matrix(u),
            arrays.matrix(u),
            v1,
            in_place_of_v0(2 * u),
            arrays.matrix(s + u),
            v1,
            in_place_of_v0(u)};
  }
  TileValues first(int n) const {
    const auto rows = [n](const auto& x) { return rows_of(x, 0, std::size_t(n)); };
    return {rows(x0), rows(v0), rows(x1), rows(gate0), rows(gate1),
            rows(v1), rows(m1), rows(x2), rows(v2),    rows(vh2)};
  }
};

/// Gradients of a tile's scalars; those of its vectors take the place of values (`backward_tile`).
template <class T>
struct TileGradients {
  Matrix<T> dlogit;    // [tile, U], of gate1, then gate0
  Matrix<T> ds2, dx1;  // [tile, S], [tile, S + U]
  Matrix<T> dx0;       // [tile, S_e + h]

  template <class Memory>
  static TileGradients take(Memory& memory, const MessageWeights<T>& p, int edges) {
    const int s = p.shape.scalars, u = p.shape.vectors;
    const EdgeArrays<T, Memory> arrays{memory, edges};
    return {arrays.matrix(u), arrays.matrix(s), arrays.matrix(s + u), arrays.matrix(p.input)};
  }
  TileGradients first(int n) const {
    const auto rows = [n](const auto& x) { return rows_of(x, 0, std::size_t(n)); };
    return {rows(dlogit), rows(ds2), rows(dx1), rows(dx0)};
  }
};

/// Sums over edges of the gradients of weights.
template <class T>
struct WeightGradients {
  Matrix<T> edge_map, edge_ws, middle, second, third, gate0, gate1;
  Vector<T> second_bias, gate0_bias, gate1_bias;

  template <class Memory>
  static WeightGradients take(Memory& memory, const MessageWeights<T>& p) {
    const auto& [s, u, se, ue] = p.shape;
    const auto matrix = [&](int n, int c) {
      return memory.template matrix<T>(std::size_t(n), std::size_t(c));
    };
    const auto vector = [&](int n) { return memory.template vector<T>(std::size_t(n)); };
    return {
        matrix(ue, p.folded), matrix(s, p.input), matrix(2 * u, u), matrix(s, s + u), matrix(u, u),
        matrix(u, s),         matrix(u, s),       vector(s),        vector(u),        vector(u)};
  }
  /// f of every array and its partner in `other`.
  template <class F>
  void with(const WeightGradients& other, const F& f) const {
    const auto both = [&f](const Matrix<T>& a, const Matrix<T>& b) { f(flat(a), flat(b)); };
    both(edge_map, other.edge_map);
    both(edge_ws, other.edge_ws);
    both(middle, other.middle);
    both(second, other.second);
    both(third, other.third);
    both(gate0, other.gate0);
    both(gate1, other.gate1);
    f(second_bias, other.second_bias);
    f(gate0_bias, other.gate0_bias);
    f(gate1_bias, other.gate1_bias);
  }
};

/// What becomes of the arrays that backward need not compute again.
enum class Keep { nothing, writes, reads };

/// All values of a tile. Gates that are kept lie in `messages` from the start.
template <class T>
void compute_tile(const TileWorker<T>& worker, const MessageWeights<T>& p, const Features<T>& edges,
                  const Graph& graph, const Graph::Tile& tile, const TileValues<T>& t,
                  const KeptMessages<T>& messages, Keep keep);

/// Gradients of one tile, but for what goes to the rows: that lies in dx1 and, of v0, in t.v0.
/// dmean [N, S + U], [N, 3, U], already divided by the number of edges, is the gradient of x2 and
/// vh2 of every edge into a row. `dedges`, unless null, is added to, and so are `sums`.
template <class T>
void backward_tile(const TileWorker<T>& worker, const MessageWeights<T>& p,
                   const Features<T>& edges, const Graph& graph, const Graph::Tile& tile,
                   const Features<T>& dmean, const Features<T>* dedges, const TileValues<T>& t,
                   const TileGradients<T>& d, const WeightGradients<T>& sums);

}  // namespace jespr
