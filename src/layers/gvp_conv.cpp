// GvpConv.
//
// Letters: h channels of the first hidden layer (2U + U_e), K = h + U: what the folded map
// [Wh; Wv Wh] of the first perceptron gives. A tile has `edges_per_tile` edges.
#include "layers/gvp_conv.hpp"

#include "kernels/activation.hpp"
#include "kernels/columns.hpp"
#include "kernels/messages.hpp"
#include "kernels/vectors.hpp"
#include "tensor/loops.hpp"

namespace jespr {
namespace {

template <class P>
using Real = typename P::Real;

std::size_t size(int n) { return static_cast<std::size_t>(n); }

template <class T>
Matrix<T> zero_matrix(Workspace& workspace, int rows, int columns) {
  const Matrix<T> m = workspace.matrix<T>(size(rows), size(columns));
  fill(m, T(0));
  return m;
}
template <class T>
Tensor3<T> zero_tensor(Workspace& workspace, int rows, int columns) {
  const Tensor3<T> t = workspace.tensor<T>(size(rows), 3, size(columns));
  fill(t, T(0));
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
  copy(first, upper);
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

/// Weights in the form in which tiles use them, and what rows contribute to their edges.
template <class P>
struct Prepared {
  using T = Real<P>;
  Matrix<T> map;               // [K, 2U + U_e] [Wh; Wv Wh] of the first perceptron
  Matrix<T> edge_map;          // [U_e, K] its edge columns, transposed
  Matrix<T> edge_ws;           // [S, S_e + h] the columns of Ws for edge scalars and norms
  Matrix<T> middle;            // [2U, U] [Wh; Wv Wh] of the second perceptron
  Features<T> source, target;  // [N, S], [N, 3, K]; the bias of Ws is in `target`
};

template <class P>
Prepared<P> prepare(Context& context, const GvpConv<P>& conv, const Features<Real<P>>& nodes) {
  using T = Real<P>;
  const auto& [s, u, se, ue] = conv.shape;
  const Gvp<P>&first = conv.message[0], &second = conv.message[1];
  const int h = first.shape.hidden(), k = h + u;
  Workspace& scratch = context.scratch;
  Prepared<P> p;
  p.map = scratch.matrix<T>(size(k), size(2 * u + ue));
  fold(context, first.wh.value(), first.wv.value(), p.map);
  p.edge_map = scratch.matrix<T>(size(ue), size(k));
  kernels::transpose(columns_of(p.map, u, ue), p.edge_map);
  p.edge_ws = scratch.matrix<T>(size(s), size(se + h));
  const Matrix<T> ws = first.ws.value();
  kernels::copy_panel(columns_of(ws, s, se), columns_of(p.edge_ws, 0, se));
  kernels::copy_panel(columns_of(ws, 2 * s + se, h), columns_of(p.edge_ws, se, h));
  p.middle = scratch.matrix<T>(size(2 * u), size(u));
  fold(context, second.wh.value(), second.wv.value(), p.middle);

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
template <class P>
struct TileValues {
  using T = Real<P>;
  Matrix<T> x0;            // [tile, S_e + h] edge scalars and norms of vh0: input of the first Ws
  Tensor3<T> v0;           // [tile, 3, K] vh0, then the vectors before the first gate
  Matrix<T> x1;            // [tile, S + U] first scalars, norms of vh1
  Matrix<T> gate0, gate1;  // [tile, U]
  Tensor3<T> v1;           // [tile, 3, U] after the first gate
  Tensor3<T> m1;           // [tile, 3, 2U] vh1, then the vectors before the second gate
  Matrix<T> x2;            // [tile, S + U] second scalars, norms of vh2
  Tensor3<T> v2;           // [tile, 3, U] after the second gate
  Tensor3<T> vh2;          // [tile, 3, U]
};

template <class P>
TileValues<P> compute_tile(Context& context, const GvpConv<P>& conv, const Prepared<P>& p,
                           const Features<Real<P>>& edges, const Graph& graph,
                           const Graph::Tile& tile) {
  using T = Real<P>;
  const auto& [s, u, se, ue] = conv.shape;
  const Gvp<P>&first = conv.message[0], &second = conv.message[1], &third = conv.message[2];
  const int n = tile.size(), h = first.shape.hidden();
  Workspace& scratch = context.scratch;
  const auto matrix = [&](int columns) { return scratch.matrix<T>(size(n), size(columns)); };
  const auto tensor = [&](int columns) { return scratch.tensor<T>(size(n), 3, size(columns)); };
  TileValues<P> t{matrix(se + h), tensor(h + u), matrix(s + u), matrix(u), matrix(u),
                  tensor(u),      tensor(2 * u), matrix(s + u), tensor(u), tensor(u)};

  const Matrix<T> edge_scalars = rows_of(edges.s, size(tile.begin), size(tile.end));
  kernels::copy_panel(panel(edge_scalars), columns_of(t.x0, 0, se));
  kernels::gather_vectors(graph, tile, p.source.v, p.target.v, edges.v, p.edge_map, t.v0);
  kernels::vector_norms(t.v0, columns_of(t.x0, se, h));
  const Panel<T> s1 = columns_of(t.x1, 0, s);
  matmul_nt(context, t.x0, p.edge_ws, s1);
  kernels::gather_scalars_relu(graph, tile, p.source.s, p.target.s, s1);
  matmul_nt(context, s1, first.wg.value(), t.gate0);
  kernels::gate_vectors(t.gate0, flat(first.wg_bias.value()), t.v0, h, t.v1);

  matmul_nt(context, channel_rows(t.v1), p.middle, channel_rows(t.m1));
  kernels::vector_norms(t.m1, columns_of(t.x1, s, u));
  const Panel<T> s2 = columns_of(t.x2, 0, s);
  matmul_nt(context, t.x1, second.ws.value(), s2);
  kernels::bias_relu(flat(second.ws_bias.value()), s2);
  matmul_nt(context, s2, second.wg.value(), t.gate1);
  kernels::gate_vectors(t.gate1, flat(second.wg_bias.value()), t.m1, u, t.v2);

  matmul_nt(context, channel_rows(t.v2), third.wh.value(), channel_rows(t.vh2));
  kernels::vector_norms(t.vh2, columns_of(t.x2, s, u));
  return t;
}

/// Gradients that a pass over all tiles collects.
template <class P>
struct Collected {
  using T = Real<P>;
  Matrix<T> dmap;              // [K, 2U + U_e]
  Matrix<T> dedge_ws;          // [S, S_e + h]
  Matrix<T> dmiddle;           // [2U, U]
  Features<T> source, target;  // by row, of what `Prepared` holds
};

/// Gradients of one tile. dmean [N, S + U], [N, 3, U], already divided by the number of edges, is
/// the gradient of x2 and vh2 of every edge into a row.
template <class P>
void backward_tile(Context& context, const GvpConv<P>& conv, const Prepared<P>& p,
                   const Features<Real<P>>& edges, const Graph& graph, const Graph::Tile& tile,
                   const Features<Real<P>>& dmean, const Features<Real<P>>* dedges,
                   const Collected<P>& sums) {
  using T = Real<P>;
  const auto& [s, u, se, ue] = conv.shape;
  const Gvp<P>&first = conv.message[0], &second = conv.message[1], &third = conv.message[2];
  const int n = tile.size(), h = first.shape.hidden(), k = h + u;
  Workspace& scratch = context.scratch;
  Scope scope(scratch);
  const auto matrix = [&](int columns) { return scratch.matrix<T>(size(n), size(columns)); };
  const auto tensor = [&](int columns) { return scratch.tensor<T>(size(n), 3, size(columns)); };
  const TileValues<P> t = compute_tile(context, conv, p, edges, graph, tile);

  // Third perceptron: only Wh and the norms are per edge.
  const Tensor3<T> dvh2 = tensor(u), dv2 = tensor(u);
  kernels::gather_vector_gradients(graph, tile, dmean.v, dmean.s, s, t.vh2, columns_of(t.x2, s, u),
                                   dvh2);
  matmul_nn(context, channel_rows(dvh2), third.wh.value(), channel_rows(dv2));
  matmul_tn(context, channel_rows(dvh2), channel_rows(t.v2), third.wh.gradient(), T(1));

  // Second perceptron.
  const Matrix<T> dlogit = matrix(u), ds2 = matrix(s), dx1 = matrix(s + u);
  const Tensor3<T> dm1 = tensor(2 * u), dv1 = tensor(u);
  kernels::gate_vectors_backward(t.gate1, t.m1, u, dv2, dlogit, dm1);
  const Panel<T> s2 = columns_of(t.x2, 0, s);
  matmul_nn(context, dlogit, second.wg.value(), ds2);
  matmul_tn(context, dlogit, s2, second.wg.gradient(), T(1));
  kernels::add_column_sums(scratch, dlogit, flat(second.wg_bias.gradient()));
  kernels::relu_backward_from_targets(graph, tile, s2, dmean.s, panel(ds2));
  matmul_nn(context, ds2, second.ws.value(), dx1);
  matmul_tn(context, ds2, t.x1, second.ws.gradient(), T(1));
  kernels::add_column_sums(scratch, ds2, flat(second.ws_bias.gradient()));
  kernels::vector_norms_backward(t.m1, columns_of(t.x1, s, u), columns_of(dx1, s, u), dm1, false);
  matmul_nn(context, channel_rows(dm1), p.middle, channel_rows(dv1));
  matmul_tn(context, channel_rows(dm1), channel_rows(t.v1), sums.dmiddle, T(1));

  // First perceptron.
  const Matrix<T> dx0 = matrix(se + h);
  const Tensor3<T> dv0 = tensor(k);
  kernels::gate_vectors_backward(t.gate0, t.v0, h, dv1, dlogit, dv0);
  const Panel<T> s1 = columns_of(t.x1, 0, s), ds1 = columns_of(dx1, 0, s);
  matmul_nn(context, dlogit, first.wg.value(), ds1, T(1));
  matmul_tn(context, dlogit, s1, first.wg.gradient(), T(1));
  kernels::add_column_sums(scratch, dlogit, flat(first.wg_bias.gradient()));
  kernels::relu_backward(s1, ds1);
  matmul_nn(context, ds1, p.edge_ws, dx0);
  matmul_tn(context, ds1, t.x0, sums.dedge_ws, T(1));
  kernels::vector_norms_backward(t.v0, columns_of(t.x0, se, h), columns_of(dx0, se, h), dv0, false);

  // To the ends of the edges, and to the edges themselves.
  kernels::add_to_sources(graph, tile, ds1, sums.source.s);
  kernels::add_to_targets(graph, tile, ds1, sums.target.s);
  kernels::add_to_sources(graph, tile, wide(dv0), wide_matrix(sums.source.v));
  kernels::add_to_targets(graph, tile, wide(dv0), wide_matrix(sums.target.v));
  const Tensor3<T> edge_vectors = rows_of(edges.v, size(tile.begin), size(tile.end));
  matmul_tn(context, channel_rows(dv0), channel_rows(edge_vectors), columns_of(sums.dmap, u, ue),
            T(1));
  if (!dedges) return;
  const Matrix<T> dedge_scalars = rows_of(dedges->s, size(tile.begin), size(tile.end));
  const Tensor3<T> dedge_vectors = rows_of(dedges->v, size(tile.begin), size(tile.end));
  kernels::copy_panel(columns_of(dx0, 0, se), panel(dedge_scalars), true);
  matmul_nn(context, channel_rows(dv0), columns_of(p.map, u, ue), channel_rows(dedge_vectors),
            T(1));
}

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
                                               Saved& saved) const {
  const int s = shape.scalars, u = shape.vectors;
  const Features<Real> out = Features<Real>::take(context.saved, nodes.rows(), s, u);
  saved = {nodes, edges, Features<Real>::take(context.saved, nodes.rows(), s + u, u)};
  const Features<Real>& mean = saved.mean;
  fill(mean.s, Real(0));
  fill(mean.v, Real(0));
  Scope scope(context.scratch);
  const Prepared<P> prepared = prepare(context, *this, nodes);
  for (const Graph::Tile& tile : graph.tiles) {
    Scope inner(context.scratch);
    const TileValues<P> t = compute_tile(context, *this, prepared, edges, graph, tile);
    kernels::add_to_targets(graph, tile, panel(t.x2), mean.s);
    kernels::add_to_targets(graph, tile, wide(t.vh2), wide_matrix(mean.v));
  }
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
  const int h = first.shape.hidden(), k = h + u, n = graph.nodes;
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
  const Collected<P> sums{zero_matrix<Real>(scratch, k, 2 * u + ue),
                          zero_matrix<Real>(scratch, s, se + h),
                          zero_matrix<Real>(scratch, 2 * u, u),
                          {zero_matrix<Real>(scratch, n, s), zero_tensor<Real>(scratch, n, k)},
                          {zero_matrix<Real>(scratch, n, s), zero_tensor<Real>(scratch, n, k)}};
  for (const Graph::Tile& tile : graph.tiles)
    backward_tile(context, *this, prepared, saved.edges, graph, tile, dmean, dedges, sums);

  // The rows' parts of the first perceptron, and the folded maps.
  const auto node_part = [&](const Features<Real>& d, int vector_column, int scalar_column) {
    matmul_tn(context, channel_rows(d.v), channel_rows(saved.nodes.v),
              columns_of(sums.dmap, vector_column, shape.vectors), Real(1));
    matmul_nn(context, channel_rows(d.v), columns_of(prepared.map, vector_column, shape.vectors),
              channel_rows(dnodes.v), Real(1));
    matmul_tn(context, d.s, saved.nodes.s,
              columns_of(first.ws.gradient(), scalar_column, shape.scalars), Real(1));
    matmul_nn(context, d.s, columns_of(first.ws.value(), scalar_column, shape.scalars), dnodes.s,
              Real(1));
  };
  node_part(sums.source, 0, 0);
  node_part(sums.target, u + ue, s + se);
  kernels::add_column_sums(scratch, sums.target.s, flat(first.ws_bias.gradient()));
  const Matrix<Real> dws = first.ws.gradient();
  kernels::copy_panel(columns_of(sums.dedge_ws, 0, se), columns_of(dws, s, se), true);
  kernels::copy_panel(columns_of(sums.dedge_ws, se, h), columns_of(dws, 2 * s + se, h), true);
  unfold_gradient(context, first.wh, first.wv, sums.dmap);
  unfold_gradient(context, second.wh, second.wv, sums.dmiddle);
}

template struct GvpConv<F32>;
template struct GvpConv<F64>;

}  // namespace jespr
