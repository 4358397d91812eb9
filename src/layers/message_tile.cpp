// Messages of a tile.
#include "layers/message_tile.hpp"

#include "kernels/messages.hpp"
#include "kernels/vectors.hpp"

namespace jespr {
template <class T>
void compute_tile(const TileWorker<T>& worker, const MessageWeights<T>& p, const Features<T>& edges,
                  const Graph& graph, const Graph::Tile& tile, const TileValues<T>& t,
                  const KeptMessages<T>& messages, Keep keep) {
  const auto& [s, u, se, ue] = p.shape;
  const int h = p.hidden;
  const Matrix<T> edge_scalars = edges_of(edges.s, tile);
  kernels::copy_panel(panel(edge_scalars), columns_of(t.x0, 0, se));
  kernels::gather_vectors(graph, tile, p.source.v, p.target.v, edges.v, p.edge_map, t.v0);
  kernels::vector_norms(t.v0, columns_of(t.x0, se, h));
  const auto computed = [&](const Matrix<T>& all, const Panel<T>& part, const auto& compute) {
    if (keep == Keep::reads) return kernels::copy_panel(panel(edges_of(all, tile)), part);
    compute();
    if (keep == Keep::writes) kernels::copy_panel(part, panel(edges_of(all, tile)));
  };
  const auto gated = [&](const Panel<T>& s_in, const TileWeight<T>& weight, const Vector<T>& bias,
                         const Matrix<T>& gate, const Tensor3<T>& in, int channel,
                         const Tensor3<T>& out) {
    if (keep == Keep::reads) return kernels::scale_vectors(gate, in, channel, out);
    worker.multiply(s_in, weight, panel(gate));
    kernels::gate_vectors(gate, bias, in, channel, out);
  };
  const Panel<T> s1 = columns_of(t.x1, 0, s), s2 = columns_of(t.x2, 0, s);
  computed(messages.s1, s1, [&] {
    worker.multiply(columns_of(t.x0, 0, se + h), p.edge_ws, s1);
    kernels::gather_scalars_relu(graph, tile, p.source.s, p.target.s, s1);
  });
  gated(s1, p.gate0, p.gate0_bias, t.gate0, t.v0, h, t.v1);

  worker.multiply(panel(channel_rows(t.v1)), p.middle, panel(channel_rows(t.m1)));
  kernels::vector_norms(t.m1, columns_of(t.x1, s, u));
  computed(messages.s2, s2, [&] {
    worker.multiply(panel(t.x1), p.second, s2);
    kernels::bias_relu(p.second_bias, s2);
  });
  gated(s2, p.gate1, p.gate1_bias, t.gate1, t.m1, u, t.v2);

  worker.multiply(panel(channel_rows(t.v2)), p.third, panel(channel_rows(t.vh2)));
  kernels::vector_norms(t.vh2, columns_of(t.x2, s, u));
}

template <class T>
void backward_tile(const TileWorker<T>& worker, const MessageWeights<T>& p,
                   const Features<T>& edges, const Graph& graph, const Graph::Tile& tile,
                   const Features<T>& dmean, const Features<T>* dedges, const TileValues<T>& t,
                   const TileGradients<T>& d, const WeightGradients<T>& sums) {
  const auto& [s, u, se, ue] = p.shape;
  const int h = p.hidden;
  const auto channels = [](const Tensor3<T>& v) { return panel(channel_rows(v)); };
  // A tile shall stay in the cache: gradients take the place of what nobody reads again. dv is that
  // of v2, then of v1.
  const Tensor3<T>&dvh2 = t.vh2, &dv = t.v2, &dm1 = t.m1, &dv0 = t.v0;

  // Third perceptron: only Wh and the norms are per edge.
  kernels::gather_vector_gradients(graph, tile, dmean.v, dmean.s, s, t.vh2, columns_of(t.x2, s, u),
                                   dvh2);
  worker.add_weight_gradient(channels(dvh2), channels(t.v2), sums.third);
  worker.multiply_back(channels(dvh2), p.third, channels(dv));

  // Second perceptron.
  kernels::gate_vectors_backward(t.gate1, t.m1, u, dv, d.dlogit, dm1);
  const Panel<T> s2 = columns_of(t.x2, 0, s), dlogit = panel(d.dlogit), ds2 = panel(d.ds2);
  worker.multiply_back(dlogit, p.gate1, ds2);
  worker.add_weight_gradient(dlogit, s2, sums.gate1);
  worker.add_bias_gradient(d.dlogit, sums.gate1_bias);
  kernels::relu_backward_from_targets(graph, tile, s2, dmean.s, ds2);
  worker.multiply_back(ds2, p.second, panel(d.dx1));
  worker.add_weight_gradient(ds2, panel(t.x1), sums.second);
  worker.add_bias_gradient(d.ds2, sums.second_bias);
  kernels::vector_norms_backward(t.m1, columns_of(t.x1, s, u), columns_of(d.dx1, s, u), dm1, false);
  worker.multiply_back(channels(dm1), p.middle, channels(dv));
  worker.add_weight_gradient(channels(dm1), channels(t.v1), sums.middle);

  // First perceptron.
  kernels::gate_vectors_backward(t.gate0, t.v0, h, dv, d.dlogit, dv0);
  const Panel<T> s1 = columns_of(t.x1, 0, s), ds1 = columns_of(d.dx1, 0, s);
  const Panel<T> x0 = columns_of(t.x0, 0, se + h), dx0 = columns_of(d.dx0, 0, se + h);
  worker.multiply_back(dlogit, p.gate0, ds1, true);
  worker.add_weight_gradient(dlogit, s1, sums.gate0);
  worker.add_bias_gradient(d.dlogit, sums.gate0_bias);
  kernels::relu_backward(s1, ds1);
  worker.multiply_back(ds1, p.edge_ws, dx0);
  worker.add_weight_gradient(ds1, x0, sums.edge_ws);
  kernels::vector_norms_backward(t.v0, columns_of(t.x0, se, h), columns_of(d.dx0, se, h), dv0,
                                 false);

  // To the edges themselves.
  const Tensor3<T> edge_vectors = edges_of(edges.v, tile);
  worker.add_weight_gradient(channels(edge_vectors), channels(dv0), sums.edge_map);
  if (!dedges) return;
  const Matrix<T> dedge_scalars = edges_of(dedges->s, tile);
  kernels::copy_panel(columns_of(d.dx0, 0, se), panel(dedge_scalars), true);
  kernels::add_edge_vector_gradients(tile, dv0, p.edge_map, dedges->v);
}

#define JESPR_INSTANTIATE(T)                                                              \
  template void compute_tile<T>(const TileWorker<T>& worker, const MessageWeights<T>& p,  \
                                const Features<T>& edges, const Graph& graph,             \
                                const Graph::Tile& tile, const TileValues<T>& t,          \
                                const KeptMessages<T>& messages, Keep keep);              \
  template void backward_tile<T>(const TileWorker<T>& worker, const MessageWeights<T>& p, \
                                 const Features<T>& edges, const Graph& graph,            \
                                 const Graph::Tile& tile, const Features<T>& dmean,       \
                                 const Features<T>* dedges, const TileValues<T>& t,       \
                                 const TileGradients<T>& d, const WeightGradients<T>& sums);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr
