// GvpConv.
//
// Letters: h channels of the first hidden layer (2U + U_e), K = h + U: what the folded map
// [Wh; Wv Wh] of the first perceptron gives. A tile has `edges_per_tile` edges.
#include "layers/gvp_conv.hpp"

#include <tuple>

#include "kernels/activation.hpp"
#include "kernels/columns.hpp"
#include "kernels/messages.hpp"
#include "kernels/vectors.hpp"
#include "layers/tile_worker.hpp"

namespace jespr {
namespace {

template <class P>
using Real = typename P::Real;

std::size_t size(int n) { return static_cast<std::size_t>(n); }

template <class T>
Matrix<T> zero_matrix(Workspace& workspace, int rows, int columns) {
  const Matrix<T> m = workspace.matrix<T>(size(rows), size(columns));
  Kokkos::deep_copy(m, T(0));
  return m;
}
template <class T>
Tensor3<T> zero_tensor(Workspace& workspace, int rows, int columns) {
  const Tensor3<T> t = workspace.tensor<T>(size(rows), 3, size(columns));
  Kokkos::deep_copy(t, T(0));
  return t;
}
/// Rows [N, 3, U] as [N, 3U].
template <class T>
Panel<T> wide(Tensor3<T> t) {
  const int columns = static_cast<int>(t.extent(1) * t.extent(2));
  return {t.data(), static_cast<int>(t.extent(0)), columns, columns};
}
template <class T>
Matrix<T> wide_matrix(Tensor3<T> t) {
  return Matrix<T>(t.data(), t.extent(0), t.extent(1) * t.extent(2));
}

/// [upper; lower upper]: two maps of which the second follows the first, as one product.
/// upper [H, C], lower [O, H] -> out [H + O, C].
template <class T>
void fold(Context& context, Matrix<T> upper, Matrix<T> lower, Matrix<T> out) {
  const std::size_t hidden = upper.extent(0);
  const Matrix<T> first = rows_of(out, 0, hidden), second = rows_of(out, hidden, out.extent(0));
  Kokkos::deep_copy(first, upper);
  matmul_nn(context, lower, upper, second);
}

/// dupper += dout_1 + lower^T dout_2; dlower += dout_2 upper^T.
template <class P>
void unfold_gradient(Context& context, const Weight<P>& upper, const Weight<P>& lower,
                     Matrix<Real<P>> dout) {
  const std::size_t hidden = size(upper.rows);
  const Matrix<Real<P>> first = rows_of(dout, 0, hidden),
                        second = rows_of(dout, hidden, dout.extent(0));
  kernels::add(upper.gradient(), first, upper.gradient());
  matmul_tn(context, lower.value(), second, upper.gradient(), Real<P>(1));
  matmul_nt(context, second, upper.value(), lower.gradient(), Real<P>(1));
}

/// Widths of a tile's arrays, beyond S and U. Padding is zero throughout.
struct Widths {
  int hidden;   // h
  int folded;   // K, in whole vectors
  int input;    // S_e + h, in whole vectors
  bool packed;  // tiles are for single threads
};

template <class T>
Widths widths_of(const GvpConvShape& shape) {
  const int h = shape.message(0).hidden();
  const auto is_whole = [](int n) { return n % simd_lanes<T> == 0; };
  return {h, whole_vectors<T>(h + shape.vectors), whole_vectors<T>(shape.edge_scalars + h),
          device_is_host && is_whole(shape.scalars) && is_whole(shape.vectors)};
}

/// Weights in the form in which tiles use them, and what rows contribute to their edges.
template <class P>
struct Prepared {
  using T = Real<P>;
  Widths widths;
  Matrix<T> map;         // [K, 2U + U_e] [Wh; Wv Wh] of the first perceptron
  Matrix<T> edge_map;    // [U_e, K] its edge columns, transposed
  TileWeight<T> input;   // [S, S_e + h] the columns of the first Ws for edge scalars and norms
  TileWeight<T> middle;  // [2U, U] [Wh; Wv Wh] of the second perceptron
  TileWeight<T> second, third;  // [S, S + U] Ws of the second, [U, U] Wh of the third
  TileWeight<T> gate0, gate1;   // [U, S] Wg of the first and second
  Features<T> source, target;   // [N, S], [N, 3, K]; the bias of Ws is in `target`
};

template <class P>
Prepared<P> prepare(Context& context, const GvpConv<P>& conv, const Features<Real<P>>& nodes) {
  using T = Real<P>;
  const auto& [s, u, se, ue] = conv.shape;
  const auto& [first, second, third] = conv.message;
  Workspace& scratch = context.scratch;
  Prepared<P> p;
  p.widths = widths_of<T>(conv.shape);
  const int h = p.widths.hidden, k = p.widths.folded, input = p.widths.input;
  p.map = zero_matrix<T>(scratch, k, 2 * u + ue);
  fold(context, first.wh.value(), first.wv.value(), rows_of(p.map, 0, size(h + u)));
  p.edge_map = scratch.matrix<T>(size(ue), size(k));
  kernels::transpose(columns_of(p.map, u, ue), panel(p.edge_map));
  const Matrix<T> ws = first.ws.value(), edge_ws = zero_matrix<T>(scratch, s, input),
                  middle = scratch.matrix<T>(size(2 * u), size(u));
  kernels::copy_panel(columns_of(ws, s, se), columns_of(edge_ws, 0, se));
  kernels::copy_panel(columns_of(ws, 2 * s + se, h), columns_of(edge_ws, se, h));
  fold(context, second.wh.value(), second.wv.value(), middle);
  const auto weight = [&](Matrix<T> value) { return tile_weight(context, value, p.widths.packed); };
  p.input = weight(edge_ws);
  p.middle = weight(middle);
  p.second = weight(second.ws.value());
  p.third = weight(third.wh.value());
  p.gate0 = weight(first.wg.value());
  p.gate1 = weight(second.wg.value());

  const std::size_t n = nodes.rows();
  p.source = Features<T>::take(scratch, n, s, k);
  p.target = Features<T>::take(scratch, n, s, k);
  matmul_nt(context, channel_rows(nodes.v), columns_of(p.map, 0, u), channel_rows(p.source.v));
  matmul_nt(context, channel_rows(nodes.v), columns_of(p.map, u + ue, u), channel_rows(p.target.v));
  matmul_nt(context, nodes.s, columns_of(ws, 0, s), p.source.s);
  matmul_nt(context, nodes.s, columns_of(ws, s + se, s), p.target.s);
  kernels::add_bias(p.target.s, flat(first.ws_bias.value()));
  return p;
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
  static TileValues take(Memory& memory, const GvpConvShape& shape, const Widths& widths,
                         int edges) {
    const int s = shape.scalars, u = shape.vectors;
    const auto matrix = [&](int n) { return memory.template matrix<T>(size(edges), size(n)); };
    const auto tensor = [&](int n) { return memory.template tensor<T>(size(edges), 3, size(n)); };
    return {
        matrix(widths.input), tensor(widths.folded), matrix(s + u), matrix(u), matrix(u), tensor(u),
        tensor(2 * u),        matrix(s + u),         tensor(u),     tensor(u)};
  }
  TileValues first(int n) const {
    const auto rows = [n](const auto& x) { return rows_of(x, 0, size(n)); };
    return {rows(x0), rows(v0), rows(x1), rows(gate0), rows(gate1),
            rows(v1), rows(m1), rows(x2), rows(v2),    rows(vh2)};
  }
};

/// What becomes of the arrays that backward need not compute again.
enum class Keep { nothing, writes, reads };

template <class P>
void compute_tile(const TileWorker<Real<P>>& worker, const GvpConv<P>& conv, const Prepared<P>& p,
                  const Features<Real<P>>& edges, const Graph& graph, const Graph::Tile& tile,
                  const TileValues<Real<P>>& t, const KeptMessages<Real<P>>& messages, Keep keep) {
  using T = Real<P>;
  const auto& [s, u, se, ue] = conv.shape;
  const auto& [first, second, third] = conv.message;
  const int h = p.widths.hidden;

  const Matrix<T> edge_scalars = rows_of(edges.s, size(tile.begin), size(tile.end));
  kernels::copy_panel(panel(edge_scalars), columns_of(t.x0, 0, se));
  kernels::gather_vectors(graph, tile, p.source.v, p.target.v, edges.v, p.edge_map, t.v0);
  kernels::vector_norms(t.v0, columns_of(t.x0, se, h));
  const auto computed = [&](const Matrix<T>& all, const Panel<T>& part, const auto& compute) {
    if (keep == Keep::nothing) return compute();
    const Panel<T> kept = panel(rows_of(all, size(tile.begin), size(tile.end)));
    if (keep == Keep::reads) return kernels::copy_panel(kept, part);
    compute();
    kernels::copy_panel(part, kept);
  };
  const auto gated = [&](const Matrix<T>& all, const Panel<T>& s_in, const TileWeight<T>& weight,
                         const Weight<P>& bias, const Matrix<T>& gate, const Tensor3<T>& in,
                         int channel, const Tensor3<T>& out) {
    if (keep == Keep::reads) {
      computed(all, panel(gate), [] {});
      return kernels::scale_vectors(gate, in, channel, out);
    }
    computed(all, panel(gate), [&] {
      worker.multiply(s_in, weight, panel(gate));
      kernels::gate_vectors(gate, flat(bias.value()), in, channel, out);
    });
  };
  const Panel<T> s1 = columns_of(t.x1, 0, s), s2 = columns_of(t.x2, 0, s);
  computed(messages.s1, s1, [&] {
    worker.multiply(panel(t.x0), p.input, s1);
    kernels::gather_scalars_relu(graph, tile, p.source.s, p.target.s, s1);
  });
  gated(messages.gate0, s1, p.gate0, first.wg_bias, t.gate0, t.v0, h, t.v1);

  worker.multiply(panel(channel_rows(t.v1)), p.middle, panel(channel_rows(t.m1)));
  kernels::vector_norms(t.m1, columns_of(t.x1, s, u));
  computed(messages.s2, s2, [&] {
    worker.multiply(panel(t.x1), p.second, s2);
    kernels::bias_relu(flat(second.ws_bias.value()), s2);
  });
  gated(messages.gate1, s2, p.gate1, second.wg_bias, t.gate1, t.m1, u, t.v2);

  worker.multiply(panel(channel_rows(t.v2)), p.third, panel(channel_rows(t.vh2)));
  kernels::vector_norms(t.vh2, columns_of(t.x2, s, u));
}

/// Gradients of a tile's values.
template <class T>
struct TileGradients {
  Tensor3<T> dvh2, dv;  // [tile, 3, U], of vh2, and of v2, then v1
  Tensor3<T> dm1;       // [tile, 3, 2U]
  Tensor3<T> dv0;       // [tile, 3, K]
  Matrix<T> dlogit;     // [tile, U], of gate1, then gate0
  Matrix<T> ds2, dx1;   // [tile, S], [tile, S + U]
  Matrix<T> dx0;        // [tile, S_e + h]

  template <class Memory>
  static TileGradients take(Memory& memory, const GvpConvShape& shape, const Widths& widths,
                            int edges) {
    const int s = shape.scalars, u = shape.vectors;
    const auto matrix = [&](int n) { return memory.template matrix<T>(size(edges), size(n)); };
    const auto tensor = [&](int n) { return memory.template tensor<T>(size(edges), 3, size(n)); };
    return {tensor(u), tensor(u), tensor(2 * u), tensor(widths.folded),
            matrix(u), matrix(s), matrix(s + u), matrix(widths.input)};
  }
  TileGradients first(int n) const {
    const auto rows = [n](const auto& x) { return rows_of(x, 0, size(n)); };
    return {rows(dvh2),   rows(dv),  rows(dm1), rows(dv0),
            rows(dlogit), rows(ds2), rows(dx1), rows(dx0)};
  }
};

/// Sums over edges of the gradients of weights.
template <class T>
struct WeightGradients {
  Matrix<T> edge_map, input, middle, second, third, gate0, gate1;
  Vector<T> second_bias, gate0_bias, gate1_bias;

  template <class Memory>
  static WeightGradients take(Memory& memory, const GvpConvShape& shape, const Widths& widths) {
    const auto& [s, u, se, ue] = shape;
    const auto matrix = [&](int n, int c) { return memory.template matrix<T>(size(n), size(c)); };
    const auto vector = [&](int n) { return memory.template vector<T>(size(n)); };
    return {matrix(ue, widths.folded),
            matrix(s, widths.input),
            matrix(2 * u, u),
            matrix(s, s + u),
            matrix(u, u),
            matrix(u, s),
            matrix(u, s),
            vector(s),
            vector(u),
            vector(u)};
  }
  /// f of every array and its partner in `other`.
  template <class F>
  void with(const WeightGradients& other, const F& f) const {
    const auto both = [&f](const Matrix<T>& a, const Matrix<T>& b) { f(flat(a), flat(b)); };
    both(edge_map, other.edge_map);
    both(input, other.input);
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

/// Gradients of one tile, but for what goes to the rows: that lies in dx1 and dv0. dmean [N, S +
/// U], [N, 3, U], already divided by the number of edges, is the gradient of x2 and vh2 of every
/// edge into a row.
template <class P>
void backward_tile(const TileWorker<Real<P>>& worker, const GvpConv<P>& conv, const Prepared<P>& p,
                   const Features<Real<P>>& edges, const Graph& graph, const Graph::Tile& tile,
                   const Features<Real<P>>& dmean, const Features<Real<P>>* dedges,
                   const TileValues<Real<P>>& t, const TileGradients<Real<P>>& d,
                   const WeightGradients<Real<P>>& sums) {
  using T = Real<P>;
  const auto& [s, u, se, ue] = conv.shape;
  const int h = p.widths.hidden;
  const auto channels = [](const Tensor3<T>& v) { return panel(channel_rows(v)); };

  // Third perceptron: only Wh and the norms are per edge.
  kernels::gather_vector_gradients(graph, tile, dmean.v, dmean.s, s, t.vh2, columns_of(t.x2, s, u),
                                   d.dvh2);
  worker.multiply_back(channels(d.dvh2), p.third, channels(d.dv));
  worker.add_weight_gradient(channels(d.dvh2), channels(t.v2), sums.third);

  // Second perceptron.
  kernels::gate_vectors_backward(t.gate1, t.m1, u, d.dv, d.dlogit, d.dm1);
  const Panel<T> s2 = columns_of(t.x2, 0, s), dlogit = panel(d.dlogit), ds2 = panel(d.ds2);
  worker.multiply_back(dlogit, p.gate1, ds2);
  worker.add_weight_gradient(dlogit, s2, sums.gate1);
  worker.add_bias_gradient(d.dlogit, sums.gate1_bias);
  kernels::relu_backward_from_targets(graph, tile, s2, dmean.s, ds2);
  worker.multiply_back(ds2, p.second, panel(d.dx1));
  worker.add_weight_gradient(ds2, panel(t.x1), sums.second);
  worker.add_bias_gradient(d.ds2, sums.second_bias);
  kernels::vector_norms_backward(t.m1, columns_of(t.x1, s, u), columns_of(d.dx1, s, u), d.dm1,
                                 false);
  worker.multiply_back(channels(d.dm1), p.middle, channels(d.dv));
  worker.add_weight_gradient(channels(d.dm1), channels(t.v1), sums.middle);

  // First perceptron.
  kernels::gate_vectors_backward(t.gate0, t.v0, h, d.dv, d.dlogit, d.dv0);
  const Panel<T> s1 = columns_of(t.x1, 0, s), ds1 = columns_of(d.dx1, 0, s);
  worker.multiply_back(dlogit, p.gate0, ds1, true);
  worker.add_weight_gradient(dlogit, s1, sums.gate0);
  worker.add_bias_gradient(d.dlogit, sums.gate0_bias);
  kernels::relu_backward(s1, ds1);
  worker.multiply_back(ds1, p.input, panel(d.dx0));
  worker.add_weight_gradient(ds1, panel(t.x0), sums.input);
  kernels::vector_norms_backward(t.v0, columns_of(t.x0, se, h), columns_of(d.dx0, se, h), d.dv0,
                                 false);

  // To the edges themselves.
  const Tensor3<T> edge_vectors = rows_of(edges.v, size(tile.begin), size(tile.end));
  worker.add_weight_gradient(channels(edge_vectors), channels(d.dv0), sums.edge_map);
  if (!dedges) return;
  const Matrix<T> dedge_scalars = rows_of(dedges->s, size(tile.begin), size(tile.end));
  kernels::copy_panel(columns_of(d.dx0, 0, se), panel(dedge_scalars), true);
  kernels::add_edge_vector_gradients(tile, d.dv0, p.edge_map, dedges->v);
}

template <class V>
void set_zero(const V& view) {
  auto* const data = view.data();
  using T = typename V::non_const_value_type;
  for_each(
      "set to zero", view.size(), KOKKOS_LAMBDA(const std::size_t i) { data[i] = T(0); });
}
template <class T>
void add_to(Vector<T> sum, Vector<T> x) {
  for_each(
      "add", sum.size(), KOKKOS_LAMBDA(const std::size_t i) { sum(i) += x(i); });
}

/// Runs a pass over all tiles: by all threads, one tile after the other, or by single threads, each
/// with arrays of its own for the tiles of its share. A Pass has the types and members
/// Arrays take(memory, edges): arrays for tiles of so many edges, from a Workspace or a Slab;
/// start(arrays, share): their first values; work(worker, arrays, tile, share): one tile;
/// finish(arrays, share): adds what the arrays have collected to the total, in the order of shares.
/// `share` is null where all threads work together.
template <class T, class Pass>
void for_tiles(Context& context, const Widths& widths, const Graph& graph, const Pass& pass) {
  if (!widths.packed) {
    const auto arrays = pass.take(context.scratch, std::min(graph.edges, edges_per_tile));
    pass.start(arrays, nullptr);
    for (const Graph::Tile& tile : graph.tiles)
      pass.work(TileWorker<T>(context), arrays, tile, nullptr);
    return pass.finish(arrays, nullptr);
  }
  const int shares = static_cast<int>(graph.shares.size());
  const auto take = [&](Slab slab) {
    TileLog* const log = slab.vector<TileLog>(1).data();
    const auto arrays = pass.take(slab, edges_of_thread);
    return std::tuple(log, arrays, slab.used());
  };
  const std::size_t bytes = std::get<2>(take(Slab()));
  const Matrix<std::byte> memory = context.scratch.matrix<std::byte>(size(shares), bytes);
  for_shares("messages", shares, [&](int number) {
    const auto [log, arrays, used] = take(Slab(&memory(size(number), 0)));
    const Graph::Share& share = graph.shares[size(number)];
    *log = TileLog{};
    pass.start(arrays, &share);
    for (int begin = share.begin, end; begin < share.end; begin = end) {
      end = std::min(begin + edges_of_thread,
                     begin < share.shared_end ? share.shared_end : share.end);
      const Graph::Tile tile{begin, end, graph.target(begin), graph.target(end - 1), 0, 0};
      pass.work(TileWorker<T>(*log), arrays, tile, &share);
      if (log->edges == 0) log->edges = tile.size();
    }
  });
  for (int number = 0; number < shares; ++number) {
    const auto [log, arrays, used] = take(Slab(&memory(size(number), 0)));
    const Graph::Share& share = graph.shares[size(number)];
    log->report(context.products, share.end - share.begin, edges_per_tile);
    pass.finish(arrays, &share);
  }
}

template <class P>
struct ForwardPass {
  using T = Real<P>;
  const GvpConv<P>& conv;
  const Prepared<P>& prepared;
  const Features<T>& edges;
  const Graph& graph;
  const Features<T>& mean;  // sums over the edges into a row
  const KeptMessages<T>& messages;

  template <class Memory>
  TileValues<T> take(Memory& memory, int n) const {
    return TileValues<T>::take(memory, conv.shape, prepared.widths, n);
  }
  void start(const TileValues<T>& values, const Graph::Share*) const { set_zero(values.x0); }
  void work(const TileWorker<T>& worker, const TileValues<T>& values, const Graph::Tile& tile,
            const Graph::Share*) const {
    const TileValues<T> t = values.first(tile.size());
    compute_tile(worker, conv, prepared, edges, graph, tile, t, messages,
                 messages.exist() ? Keep::writes : Keep::nothing);
    kernels::add_to_targets(graph, tile, panel(t.x2), mean.s);
    kernels::add_to_targets(graph, tile, wide(t.vh2), wide_matrix(mean.v));
  }
  void finish(const TileValues<T>&, const Graph::Share*) const {}
};

/// Gradients by what rows contribute to their edges: [N, S], [N, 3, K].
template <class T>
struct RowGradients {
  Features<T> source, target;
};

template <class P>
struct BackwardPass {
  using T = Real<P>;
  const GvpConv<P>& conv;
  const Prepared<P>& prepared;
  const Features<T>& edges;
  const Graph& graph;
  const Features<T>& dmean;
  const Features<T>* dedges;
  const RowGradients<T>& rows;
  const WeightGradients<T>& total;
  const KeptMessages<T>& messages;

  struct Arrays {
    TileValues<T> values;
    TileGradients<T> gradients;
    WeightGradients<T> sums;
    Features<T> shared;  // of the sources that other threads add to as well
  };

  template <class Memory>
  Arrays take(Memory& memory, int n) const {
    const Widths& widths = prepared.widths;
    int most = 0;
    for (const Graph::Share& share : graph.shares)
      most = std::max(most, share.end_source - share.first_source);
    return {TileValues<T>::take(memory, conv.shape, widths, n),
            TileGradients<T>::take(memory, conv.shape, widths, n),
            WeightGradients<T>::take(memory, conv.shape, widths),
            Features<T>::take(memory, size(widths.packed ? most : 0), conv.shape.scalars,
                              widths.folded)};
  }
  void start(const Arrays& arrays, const Graph::Share* share) const {
    set_zero(arrays.values.x0);
    set_zero(arrays.gradients.dv0);
    arrays.sums.with(arrays.sums, [](const auto& sum, const auto&) { set_zero(sum); });
    if (!share) return;
    set_zero(arrays.shared.s);
    set_zero(arrays.shared.v);
  }
  void work(const TileWorker<T>& worker, const Arrays& arrays, const Graph::Tile& tile,
            const Graph::Share* share) const {
    const TileValues<T> t = arrays.values.first(tile.size());
    const TileGradients<T> d = arrays.gradients.first(tile.size());
    compute_tile(worker, conv, prepared, edges, graph, tile, t, messages,
                 messages.exist() ? Keep::reads : Keep::nothing);
    backward_tile(worker, conv, prepared, edges, graph, tile, dmean, dedges, t, d, arrays.sums);
    const Panel<T> ds = columns_of(d.dx1, 0, conv.shape.scalars), dv = wide(d.dv0);
    kernels::add_to_targets(graph, tile, ds, rows.target.s);
    kernels::add_to_targets(graph, tile, dv, wide_matrix(rows.target.v));
    if (!share) {
      kernels::add_to_sources(graph, tile, ds, rows.source.s);
      kernels::add_to_sources(graph, tile, dv, wide_matrix(rows.source.v));
      return;
    }
    const bool is_shared = tile.begin < share->shared_end;
    const Features<T>& sources = is_shared ? arrays.shared : rows.source;
    const int first = is_shared ? share->first_source : 0;
    kernels::add_to_sources_in_order(graph, tile, ds, first, sources.s);
    kernels::add_to_sources_in_order(graph, tile, dv, first, wide_matrix(sources.v));
  }
  void finish(const Arrays& arrays, const Graph::Share* share) const {
    total.with(arrays.sums, [](const auto& sum, const auto& part) { add_to(sum, part); });
    if (!share || share->first_source == share->end_source) return;
    const std::size_t first = size(share->first_source), end = size(share->end_source);
    add_to(flat(rows_of(rows.source.s, first, end)),
           flat(rows_of(arrays.shared.s, 0, end - first)));
    add_to(flat(rows_of(rows.source.v, first, end)),
           flat(rows_of(arrays.shared.v, 0, end - first)));
  }
};

}  // namespace

GvpShape GvpConvShape::message(int layer) const {
  if (layer == 0)
    return {2 * scalars + edge_scalars, 2 * vectors + edge_vectors, scalars, vectors, true};
  return {scalars, vectors, scalars, vectors, layer == 1};
}

template <class P>
GvpConv<P> GvpConv<P>::add(ParameterStore<P>& store, const std::string& name,
                           const GvpConvShape& shape) {
  GvpConv conv;
  conv.shape = shape;
  for (int layer = 0; layer < 3; ++layer)
    conv.message[size(layer)] =
        Gvp<P>::add(store, name + ".message_func." + std::to_string(layer), shape.message(layer));
  return conv;
}

template <class P>
void GvpConv<P>::freeze() const {
  for (const Gvp<P>& gvp : message) gvp.freeze();
}

template <class P>
Features<typename P::Real> GvpConv<P>::forward(Context& context, const Features<Real>& nodes,
                                               const Features<Real>& edges, const Graph& graph,
                                               Saved& saved, bool differentiate) const {
  const int s = shape.scalars, u = shape.vectors;
  const Features<Real> out = Features<Real>::take(context.saved, nodes.rows(), s, u);
  saved = {nodes, edges, Features<Real>::take(context.saved, nodes.rows(), s + u, u), {}};
  if (differentiate && 2 * (s + u) <= KeptMessages<Real>::most_per_edge) {
    const auto take = [&](int columns) {  // memory shall depend on the number of rows alone
      return context.saved.matrix<Real>(size(graph.capacity), size(columns));
    };
    saved.messages = {take(s), take(u), take(s), take(u)};
  }
  const Features<Real>& mean = saved.mean;
  Kokkos::deep_copy(mean.s, Real(0));
  Kokkos::deep_copy(mean.v, Real(0));
  Scope scope(context.scratch);
  const Prepared<P> prepared = prepare(context, *this, nodes);
  for_tiles<Real>(context, prepared.widths, graph,
                  ForwardPass<P>{*this, prepared, edges, graph, mean, saved.messages});
  kernels::divide_by_edges_in(graph, mean.s);
  kernels::divide_by_edges_in(graph, wide_matrix(mean.v));

  const Gvp<P>& last = message[2];
  matmul_nt(context, mean.s, last.ws.value(), out.s);
  kernels::add_bias_where_edges(graph, flat(last.ws_bias.value()), out.s);
  matmul_nt(context, channel_rows(mean.v), last.wv.value(), channel_rows(out.v));
  return out;
}

template <class P>
void GvpConv<P>::backward(Context& context, const Saved& saved, const Graph& graph,
                          const Features<Real>& dout, const Features<Real>& dnodes,
                          const Features<Real>* dedges) const {
  const auto& [s, u, se, ue] = shape;
  const Gvp<P>&first = message[0], &second = message[1], &last = message[2];
  const int h = first.shape.hidden(), n = graph.nodes;
  Workspace& scratch = context.scratch;
  Scope scope(scratch);

  // The maps behind the mean, and the mean.
  matmul_tn(context, dout.s, saved.mean.s, last.ws.gradient(), Real(1));
  matmul_tn(context, channel_rows(dout.v), channel_rows(saved.mean.v), last.wv.gradient(), Real(1));
  kernels::add_bias_gradient_where_edges(scratch, graph, dout.s, flat(last.ws_bias.gradient()));
  const Features<Real> dmean = Features<Real>::take(scratch, saved.nodes.rows(), s + u, u);
  matmul_nn(context, dout.s, last.ws.value(), dmean.s);
  matmul_nn(context, channel_rows(dout.v), last.wv.value(), channel_rows(dmean.v));
  kernels::divide_by_edges_in(graph, dmean.s);
  kernels::divide_by_edges_in(graph, wide_matrix(dmean.v));

  // The edges.
  const Prepared<P> prepared = prepare(context, *this, saved.nodes);
  const int width = prepared.widths.folded;
  const RowGradients<Real> rows{
      {zero_matrix<Real>(scratch, n, s), zero_tensor<Real>(scratch, n, width)},
      {zero_matrix<Real>(scratch, n, s), zero_tensor<Real>(scratch, n, width)}};
  const WeightGradients<Real> total{zero_matrix<Real>(scratch, ue, width),
                                    zero_matrix<Real>(scratch, s, prepared.widths.input),
                                    zero_matrix<Real>(scratch, 2 * u, u),
                                    second.ws.gradient(),
                                    last.wh.gradient(),
                                    first.wg.gradient(),
                                    second.wg.gradient(),
                                    flat(second.ws_bias.gradient()),
                                    flat(first.wg_bias.gradient()),
                                    flat(second.wg_bias.gradient())};
  for_tiles<Real>(context, prepared.widths, graph,
                  BackwardPass<P>{*this, prepared, saved.edges, graph, dmean, dedges, rows, total,
                                  saved.messages});

  // The rows' parts of the first perceptron, and the folded maps.
  const Matrix<Real> dmap = scratch.matrix<Real>(size(h + u), size(2 * u + ue));
  kernels::transpose(columns_of(total.edge_map, 0, h + u), columns_of(dmap, u, ue));
  const auto node_part = [&](const Features<Real>& d, int vector_column, int scalar_column) {
    matmul_tn(context, columns_of(channel_rows(d.v), 0, shape.message(0).hidden() + shape.vectors),
              channel_rows(saved.nodes.v), columns_of(dmap, vector_column, shape.vectors));
    matmul_nn(context, channel_rows(d.v), columns_of(prepared.map, vector_column, shape.vectors),
              channel_rows(dnodes.v), Real(1));
    matmul_tn(context, d.s, saved.nodes.s,
              columns_of(first.ws.gradient(), scalar_column, shape.scalars), Real(1));
    matmul_nn(context, d.s, columns_of(first.ws.value(), scalar_column, shape.scalars), dnodes.s,
              Real(1));
  };
  node_part(rows.source, 0, 0);
  node_part(rows.target, u + ue, s + se);
  kernels::add_column_sums(scratch, rows.target.s, flat(first.ws_bias.gradient()));
  const Matrix<Real> dws = first.ws.gradient();
  kernels::copy_panel(columns_of(total.input, 0, se), columns_of(dws, s, se), true);
  kernels::copy_panel(columns_of(total.input, se, h), columns_of(dws, 2 * s + se, h), true);
  unfold_gradient(context, first.wh, first.wv, dmap);
  unfold_gradient(context, second.wh, second.wv, total.middle);
}

template struct GvpConv<F32>;
template struct GvpConv<F64>;

}  // namespace jespr
