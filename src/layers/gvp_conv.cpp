// GvpConv.
#include "layers/gvp_conv.hpp"

#include "kernels/activation.hpp"
#include "kernels/columns.hpp"
#include "kernels/messages.hpp"
#include "layers/message_passes.hpp"

namespace jespr {
namespace {

template <class P>
using Real = typename P::Real;

/// dupper += dout_1 + lower^T dout_2; dlower += dout_2 upper^T.
template <class P>
void unfold_gradient(Context& context, const Weight<P>& upper, const Weight<P>& lower,
                     Matrix<Real<P>> dout) {
  const std::size_t hidden = std::size_t(upper.rows);
  const Matrix<Real<P>> first = rows_of(dout, 0, hidden),
                        second = rows_of(dout, hidden, dout.extent(0));
  const UnroundedProducts unrounded(context.products);
  kernels::add(upper.gradient(), first, upper.gradient());
  matmul_tn(context, lower.value(), second, upper.gradient(), Real<P>(1));
  matmul_nt(context, second, upper.value(), lower.gradient(), Real<P>(1));
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
    conv.message[std::size_t(layer)] =
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
  saved = {nodes, edges, Features<Real>::zeros(context.saved, nodes.rows(), s + u, u), {}};
  if (differentiate && !recompute) {
    const auto take = [&](int columns) {  // memory shall depend on the number of rows alone
      return context.saved.matrix<Real>(std::size_t(graph.capacity), std::size_t(columns));
    };
    saved.messages = {take(s), take(u), take(s), take(u)};
  }
  const Features<Real>& mean = saved.mean;
  Scope scope(context.scratch);
  add_messages(context, message_weights(context, *this, nodes), edges, graph, saved.messages, mean);
  kernels::divide_by_edges_in(graph, mean.s);
  kernels::divide_by_edges_in(graph, wide_rows(mean.v));

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
  const int h = first.shape.hidden();
  Workspace& scratch = context.scratch;
  Scope scope(scratch);

  // The maps behind the mean, and the mean.
  const Features<Real> dmean = Features<Real>::take(scratch, saved.nodes.rows(), s + u, u);
  {
    const LeftStays dout_stays(context.products);
    matmul_tn(context, dout.s, saved.mean.s, last.ws.gradient(), Real(1));
    matmul_nn(context, dout.s, last.ws.value(), dmean.s);
    matmul_tn(context, channel_rows(dout.v), channel_rows(saved.mean.v), last.wv.gradient(),
              Real(1));
    matmul_nn(context, channel_rows(dout.v), last.wv.value(), channel_rows(dmean.v));
  }
  kernels::add_bias_gradient_where_edges(scratch, graph, dout.s, flat(last.ws_bias.gradient()));
  kernels::divide_by_edges_in(graph, dmean.s);
  kernels::divide_by_edges_in(graph, wide_rows(dmean.v));

  // The edges.
  const MessageWeights<Real> weights = message_weights(context, *this, saved.nodes);
  const auto row_gradient = [&] {
    return Features<Real>::zeros(scratch, saved.nodes.rows(), shape.scalars, weights.folded);
  };
  const RowGradients<Real> rows{row_gradient(), row_gradient()};
  const auto zeros = [&](int a, int b) {
    return scratch.zeros<Real>(std::size_t(a), std::size_t(b));
  };
  const WeightGradients<Real> total{zeros(ue, weights.folded),
                                    zeros(s, weights.input),
                                    zeros(2 * u, u),
                                    second.ws.gradient(),
                                    last.wh.gradient(),
                                    first.wg.gradient(),
                                    second.wg.gradient(),
                                    flat(second.ws_bias.gradient()),
                                    flat(first.wg_bias.gradient()),
                                    flat(second.wg_bias.gradient())};
  add_message_gradients(context, weights, saved.edges, graph, saved.messages, dmean, rows, total,
                        dedges);

  // The rows' parts of the first perceptron, and the folded maps.
  const Matrix<Real> dmap = scratch.matrix<Real>(std::size_t(h + u), std::size_t(2 * u + ue));
  kernels::transpose(columns_of(total.edge_map, 0, h + u), columns_of(dmap, u, ue));
  const auto node_part = [&](const Features<Real>& d, int vector_column, int scalar_column) {
    const LeftStays d_stays(context.products);
    matmul_tn(context, columns_of(channel_rows(d.v), 0, shape.message(0).hidden() + shape.vectors),
              channel_rows(saved.nodes.v), columns_of(dmap, vector_column, shape.vectors));
    matmul_nn(context, channel_rows(d.v), columns_of(weights.map, vector_column, shape.vectors),
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
  kernels::copy_panel(columns_of(total.edge_ws, 0, se), columns_of(dws, s, se), true);
  kernels::copy_panel(columns_of(total.edge_ws, se, h), columns_of(dws, 2 * s + se, h), true);
  unfold_gradient(context, first.wh, first.wv, dmap);
  unfold_gradient(context, second.wh, second.wv, total.middle);
}

template struct GvpConv<F32>;
template struct GvpConv<F64>;

}  // namespace jespr
