// GraphEncoder.
#include "model/graph_encoder.hpp"

#include <fmt/format.h>

#include <utility>  // for exchange

#include "tensor/loops.hpp"

namespace jespr {
namespace {

GvpShape node_embedding(const GraphShape& s) {
  return {kernels::node_scalar_features, kernels::node_vector_features, s.scalars, s.vectors,
          false};
}
GvpShape edge_embedding(const GraphShape& s) {
  return {kernels::edge_scalar_features, kernels::edge_vector_features, s.edge_scalars,
          s.edge_vectors, false};
}

/// Runs `compute` for its result alone: copies it to `target` and gives all other memory back.
template <class T, class Compute>
Features<T> without_trace(Context& context, const Features<T>& target, const Compute& compute) {
  Scope scope(context.saved);
  const Features<T> result = compute();
  copy(target.s, result.s);
  copy(target.v, result.v);
  return target;
}

/// Features of the edges that exist, in memory for as many as there can be.
template <class T>
Features<T> take_edges(Workspace& workspace, const Graph& graph, int scalars, int vectors) {
  const Features<T> most =
      Features<T>::take(workspace, static_cast<std::size_t>(graph.capacity), scalars, vectors);
  const auto edges = static_cast<std::size_t>(graph.edges);
  return {rows_of(most.s, 0, edges), rows_of(most.v, 0, edges)};
}

}  // namespace

template <class P>
GraphEncoder<P> GraphEncoder<P>::add(ParameterStore<P>& store, const std::string& name,
                                     const GraphShape& shape, int layers_above) {
  const std::string embed = name + ".embed_graph.";
  GraphEncoder encoder;
  encoder.shape = shape;
  store.set_layers_above(layers_above + shape.layers);
  encoder.embed_node = Gvp<P>::add(store, embed + "embed_node.0", node_embedding(shape));
  encoder.node_norm = GvpNorm<P>::add(store, embed + "embed_node.1", shape.scalars);
  encoder.embed_edge = Gvp<P>::add(store, embed + "embed_edge.0", edge_embedding(shape));
  encoder.edge_norm = GvpNorm<P>::add(store, embed + "embed_edge.1", shape.edge_scalars);
  encoder.embed_confidence =
      Linear<P>::add(store, embed + "embed_confidence", kernels::radial_functions, shape.scalars);
  for (int layer = 0; layer < shape.layers; ++layer) {
    store.set_layers_above(layers_above + shape.layers - 1 - layer);
    encoder.blocks.push_back(GvpBlock<P>::add(
        store, fmt::format("{}.encoder_layers.{}", name, layer), shape.conv(), shape.dropout));
  }
  return encoder;
}

template <class P>
void GraphEncoder<P>::freeze(int layers) {
  frozen = layers < shape.layers ? layers : shape.layers;
  embedding_frozen = layers > 0;
  if (!embedding_frozen) return;
  embed_node.freeze();
  embed_edge.freeze();
  node_norm.freeze();
  edge_norm.freeze();
  embed_confidence.freeze();
  for (int layer = 0; layer < frozen; ++layer) blocks[static_cast<std::size_t>(layer)].freeze();
}

template <class P>
Features<typename P::Real> GraphEncoder<P>::embed_nodes(Context& context,
                                                        const kernels::NodeGeometry<Real>& geometry,
                                                        Matrix<Real> confidence,
                                                        Saved& saved) const {
  const Features<Real> mapped =
      embed_node.forward(context, {geometry.scalars, geometry.vectors}, saved.embed_node);
  const Features<Real> nodes = node_norm.forward(context, mapped, saved.node_norm);
  const Matrix<Real> term = embed_confidence.forward(context, confidence, saved.embed_confidence);
  kernels::add(term, nodes.s, nodes.s);
  return nodes;
}

template <class P>
Features<typename P::Real> GraphEncoder<P>::embed_edges(Context& context,
                                                        Tensor3<const Real> coordinates,
                                                        Saved& saved) const {
  const Graph& graph = saved.graph;
  Workspace& workspace = context.saved;
  const std::size_t before = workspace.stack().in_use();
  const auto edges = static_cast<std::size_t>(graph.edges);
  const Vector<Real> distances = workspace.vector<Real>(edges);
  const Features<Real> in = Features<Real>::take(workspace, edges, kernels::edge_scalar_features,
                                                 kernels::edge_vector_features);
  kernels::edge_features(context.scratch, coordinates, graph, distances, in.s, in.v);
  context.observe("gvp/edge_dist", distances);
  context.observe("gvp/edge_in_s", in.s);
  context.observe("gvp/edge_in_v", in.v);
  const Features<Real> mapped = embed_edge.forward(context, in, saved.embed_edge);
  const Features<Real> out = edge_norm.forward(context, mapped, saved.edge_norm);
  if (edges > 0) {  // the step's memory shall depend on the number of rows alone
    const std::size_t per_edge = (workspace.stack().in_use() - before) / edges;
    workspace.vector<char>(per_edge * (static_cast<std::size_t>(graph.capacity) - edges));
  }
  return out;
}

template <class P>
Features<typename P::Real> GraphEncoder<P>::run(Context& context, Tensor3<const Real> coordinates,
                                                const Offsets& offsets,
                                                const kernels::NodeGeometry<Real>& geometry,
                                                Matrix<Real> confidence, Saved& saved,
                                                bool differentiate) const {
  const bool keep_embedding = differentiate && !embedding_frozen;
  const std::size_t n = coordinates.extent(0);
  Features<Real> nodes;
  if (keep_embedding) {
    nodes = embed_nodes(context, geometry, confidence, saved);
  } else {
    nodes =
        without_trace(context, Features<Real>::take(context.saved, n, shape.scalars, shape.vectors),
                      [&] { return embed_nodes(context, geometry, confidence, saved); });
  }
  context.observe("gvp/node_embed_s", nodes.s);
  context.observe("gvp/node_embed_v", nodes.v);
  if (blocks.empty()) return nodes;

  saved.graph =
      kernels::neighbour_graph(context.saved, context.scratch, coordinates,
                               Vector<const int>(geometry.complete), offsets, shape.neighbours);
  context.observe("gvp/edge_source", saved.graph.source);
  context.observe("gvp/edge_target", saved.graph.target);
  Features<Real> edges;
  if (keep_embedding) {
    edges = embed_edges(context, coordinates, saved);
  } else {
    edges = without_trace(
        context,
        take_edges<Real>(context.saved, saved.graph, shape.edge_scalars, shape.edge_vectors),
        [&] { return embed_edges(context, coordinates, saved); });
  }
  context.observe("gvp/edge_embed_s", edges.s);
  context.observe("gvp/edge_embed_v", edges.v);

  saved.edges = edges;
  saved.blocks.resize(blocks.size());
  saved.inputs.resize(blocks.size());
  for (std::size_t layer = 0; layer < blocks.size(); ++layer) {
    const bool trained = differentiate && static_cast<int>(layer) >= frozen;
    const bool keep = trained && !recompute;
    const auto compute = [&] {
      return blocks[layer].forward(context, nodes, edges, saved.graph, offsets,
                                   static_cast<int>(layer) + 1, saved.blocks[layer], keep);
    };
    if (keep) {
      nodes = compute();
    } else if (trained) {
      saved.inputs[layer] = nodes;
      nodes = without_trace(
          context, Features<Real>::take(context.saved, n, shape.scalars, shape.vectors), compute);
    } else {
      // A layer that keeps nothing may write over its input: nobody needs that either, unless it
      // is the kept embedding, which cannot be with a frozen layer behind it.
      nodes = without_trace(context, nodes, compute);
    }
  }
  return nodes;
}

template <class P>
Features<typename P::Real> GraphEncoder<P>::forward(Context& context,
                                                    Tensor3<const Real> coordinates,
                                                    const Offsets& offsets,
                                                    const kernels::NodeGeometry<Real>& geometry,
                                                    Matrix<Real> confidence, Saved& saved,
                                                    bool differentiate) const {
  if (differentiate && trains())
    return run(context, coordinates, offsets, geometry, confidence, saved, true);
  const Features<Real> out =
      Features<Real>::take(context.saved, coordinates.extent(0), shape.scalars, shape.vectors);
  return without_trace(context, out, [&] {
    return run(context, coordinates, offsets, geometry, confidence, saved, false);
  });
}

template <class P>
void GraphEncoder<P>::backward(Context& context, Saved& saved, const Offsets& offsets,
                               const Features<Real>& d) const {
  if (!trains()) return;
  Scope scope(context.scratch);
  Features<Real> dedges;
  if (!embedding_frozen && !blocks.empty()) {
    dedges = take_edges<Real>(context.scratch, saved.graph, shape.edge_scalars, shape.edge_vectors);
    fill(dedges.s, Real(0));
    fill(dedges.v, Real(0));
  }
  for (int layer = shape.layers - 1; layer >= frozen; --layer) {
    const auto l = static_cast<std::size_t>(layer);
    Scope again(context.saved);
    if (recompute) {
      Observer observer = std::exchange(context.observer, nullptr);  // it has seen them
      blocks[l].forward(context, saved.inputs[l], saved.edges, saved.graph, offsets, layer + 1,
                        saved.blocks[l], true);
      context.observer = std::move(observer);
    }
    blocks[l].backward(context, saved.blocks[l], saved.graph, offsets, layer + 1, d,
                       embedding_frozen ? nullptr : &dedges);
  }
  if (embedding_frozen) return;
  context.observe_gradient("gvp/node_embed_s", d.s);
  context.observe_gradient("gvp/node_embed_v", d.v);
  embed_confidence.backward_parameters(context, saved.embed_confidence, d.s);
  backward_embedding(context, embed_node, saved.embed_node, node_norm, saved.node_norm, d);
  if (blocks.empty()) return;
  context.observe_gradient("gvp/edge_embed_s", dedges.s);
  context.observe_gradient("gvp/edge_embed_v", dedges.v);
  backward_embedding(context, embed_edge, saved.embed_edge, edge_norm, saved.edge_norm, dedges);
}

double published_operations(const GraphShape& shape, double rows, double edges) {
  const GvpConvShape conv = shape.conv();
  const int s = shape.scalars, u = shape.vectors;
  const double confidence = 2 * rows * kernels::radial_functions * s;
  double per_layer = published_operations(GvpShape{s, u, 4 * s, 2 * u, true}, rows) +
                     published_operations(GvpShape{4 * s, 2 * u, s, u, false}, rows);
  for (int layer = 0; layer < 3; ++layer)
    per_layer += published_operations(conv.message(layer), edges);
  return confidence + published_operations(node_embedding(shape), rows) +
         published_operations(edge_embedding(shape), edges) + shape.layers * per_layer;
}

template struct GraphEncoder<F32>;
template struct GraphEncoder<F64>;

}  // namespace jespr
