// StructureEncoder.
#include "model/structure_encoder.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/dropout.hpp"
#include "kernels/embedding.hpp"
#include "kernels/vectors.hpp"
#include "tensor/loops.hpp"

namespace jespr {
namespace {

constexpr int structure_alphabet = 35;  // fair-esm's "invariant_gvp": 33 tokens, <cath>, <af2>
constexpr int structure_mask_token = 32;

}  // namespace

template <class P>
StructureEncoder<P> StructureEncoder<P>::add(ParameterStore<P>& store, const std::string& prefix,
                                             const StructureShape& shape) {
  const int width = shape.width;
  StructureEncoder encoder;
  encoder.shape = shape;
  store.set_layers_above(shape.layers);  // of the transformer, whose inputs these are
  encoder.table = Weight<P>(store.add(prefix + "embed_tokens.weight", {structure_alphabet, width},
                                      Init::normal(1.0 / std::sqrt(double(width)))));
  encoder.embed_geometry =
      Linear<P>::add(store, prefix + "embed_gvp_input_features", kernels::local_features, width);
  encoder.embed_confidence =
      Linear<P>::add(store, prefix + "embed_confidence", kernels::radial_functions, width);
  encoder.embed_dihedrals = DihedralEmbedding<P>::add(store, prefix + "embed_dihedrals",
                                                      kernels::dihedral_features, width);
  encoder.graph = GraphEncoder<P>::add(store, prefix + "gvp_encoder", shape.graph, shape.layers);
  store.set_layers_above(shape.layers);
  encoder.embed_graph = Linear<P>::add(store, prefix + "embed_gvp_output",
                                       shape.graph.scalars + 3 * shape.graph.vectors, width);
  encoder.blocks = TransformerStack<P>::add(store, prefix + "layers", shape.transformer());
  encoder.blocks.mix =
      LayerMix<P>::add(store, prefix + "layer_weights", shape.mixed_layers, shape.learned_mix);
  encoder.norm = LayerNorm<P>::add(store, prefix + "layer_norm", width);
  encoder.embedding_site = site_of(prefix + "embedding");
  return encoder;
}

template <class P>
void StructureEncoder<P>::freeze(int layers) {
  graph.freeze(layers);
  blocks.freeze(std::clamp(layers - shape.graph.layers, 0, shape.layers));
  inputs_frozen = blocks.frozen > 0;
  if (!inputs_frozen) return;
  table.freeze();
  embed_dihedrals.gain.freeze();
  embed_dihedrals.bias.freeze();
  const std::array maps = {&embed_geometry, &embed_confidence, &embed_dihedrals.linear,
                           &embed_graph};
  for (const Linear<P>* map : maps) map->freeze();
  if (blocks.frozen == shape.layers) norm.freeze();
}

template <class P>
Matrix<typename P::Real> StructureEncoder<P>::embed(Context& context,
                                                    const StructureInput<Real>& input, Saved& saved,
                                                    bool differentiate) const {
  const std::size_t n = input.coordinates.extent(0), width = static_cast<std::size_t>(shape.width);
  saved.geometry =
      kernels::node_geometry(context.saved, shape.mode, input.coordinates, input.offsets);
  const kernels::NodeGeometry<Real>& geometry = saved.geometry;
  context.observe("gvp/node_in_s", geometry.scalars);
  context.observe("gvp/node_in_v", geometry.vectors);
  const Vector<Real> confidence = context.saved.vector<Real>(n);
  kernels::masked_confidence(input.confidence, Vector<const int>(geometry.complete), confidence);
  const Matrix<Real> confidence_basis =
      context.saved.matrix<Real>(n, static_cast<std::size_t>(kernels::radial_functions));
  kernels::radial_basis(Vector<const Real>(confidence), 0.0, 1.0, confidence_basis);

  const Features<Real> nodes = graph.forward(context, input.coordinates, input.offsets, geometry,
                                             confidence_basis, saved.graph, differentiate);
  const Matrix<Real> local = context.saved.matrix<Real>(
      n, static_cast<std::size_t>(shape.graph.scalars + 3 * shape.graph.vectors));
  kernels::to_local_frames(nodes.s, nodes.v, geometry.frames, local);

  const Matrix<Real> x = context.saved.matrix<Real>(n, width);
  const Vector<const Real> mask_row(table.value().data() + structure_mask_token * width, width);
  kernels::fill_rows(mask_row, static_cast<Real>(std::sqrt(double(shape.width))), x);
  const auto add_term = [&](const char* name, Matrix<Real> in, Matrix<Real> out) {
    if (context.observer) {
      context.observe(std::string("embed/") + name + "_in", in);
      context.observe(std::string("embed/") + name + "_out", out);
    }
    kernels::add(x, out, x);
  };
  add_term("embed_dihedrals", geometry.dihedrals,
           embed_dihedrals.forward(context, geometry.dihedrals, saved.embed_dihedrals));
  add_term("embed_gvp_output", local, embed_graph.forward(context, local, saved.embed_graph));
  add_term("embed_confidence", confidence_basis,
           embed_confidence.forward(context, confidence_basis, saved.embed_confidence));
  add_term("embed_gvp_input_features", geometry.local,
           embed_geometry.forward(context, geometry.local, saved.embed_geometry));
  if (context.observer) {
    Scope scope(context.scratch);
    const Matrix<Real> positions = context.scratch.matrix<Real>(n, width);
    fill(positions, Real(0));
    kernels::add_sinusoidal_positions(context.scratch, positions, input.offsets);
    context.observe("embed/embed_positions_out", positions);
  }
  kernels::add_sinusoidal_positions(context.scratch, x, input.offsets);
  if (context.training && shape.dropout > 0)
    kernels::dropout(x, input.offsets, context.random, embedding_site, shape.dropout);
  context.observe("embedding_out", x);
  return x;
}

template <class P>
Matrix<typename P::Real> StructureEncoder<P>::forward(Context& context,
                                                      const StructureInput<Real>& input,
                                                      Saved& saved, bool differentiate) const {
  saved.offsets = input.offsets;
  Matrix<Real> x;
  if (differentiate && !inputs_frozen) {
    x = embed(context, input, saved, true);
  } else {
    x = context.saved.matrix<Real>(input.coordinates.extent(0),
                                   static_cast<std::size_t>(shape.width));
    Scope scope(context.saved);
    copy(x, embed(context, input, saved, false));
  }
  const Matrix<Real> y =
      blocks.forward(context, x, input.offsets, differentiate ? &saved.blocks : nullptr);
  const Matrix<Real> rep = norm.forward(context, y, saved.norm);
  context.observe("rep", rep);
  return rep;
}

template <class P>
void StructureEncoder<P>::embed_backward(Context& context, Saved& saved, Matrix<Real> dx) const {
  if (context.observer)
    for (const char* name :
         {"embed_dihedrals", "embed_gvp_output", "embed_confidence", "embed_gvp_input_features"})
      context.observe_gradient(std::string("embed/") + name + "_out", dx);
  const std::size_t n = dx.extent(0), width = static_cast<std::size_t>(shape.width);
  const Vector<Real> dmask_row(table.gradient().data() + structure_mask_token * width, width);
  kernels::fill_rows_backward(context.scratch, dx,
                              static_cast<Real>(std::sqrt(double(shape.width))), dmask_row);
  embed_dihedrals.backward(context, saved.embed_dihedrals, dx);
  embed_confidence.backward_parameters(context, saved.embed_confidence, dx);
  embed_geometry.backward_parameters(context, saved.embed_geometry, dx);
  if (!graph.trains()) return embed_graph.backward_parameters(context, saved.embed_graph, dx);

  Scope scope(context.scratch);
  const int s = shape.graph.scalars, u = shape.graph.vectors;
  const Features<Real> dnodes = Features<Real>::take(context.scratch, n, s, u);
  {
    Scope inner(context.scratch);
    const Matrix<Real> dlocal =
        context.scratch.matrix<Real>(n, static_cast<std::size_t>(s + 3 * u));
    embed_graph.backward(context, saved.embed_graph, dx, dlocal);
    context.observe_gradient("embed/embed_gvp_output_in", dlocal);
    kernels::to_local_frames_backward(dlocal, saved.geometry.frames, dnodes.s, dnodes.v);
  }
  graph.backward(context, saved.graph, saved.offsets, dnodes);
}

template <class P>
void StructureEncoder<P>::backward(Context& context, Saved& saved, Matrix<Real> drep) const {
  context.observe_gradient("rep", drep);
  if (blocks.frozen == shape.layers && !norm.gain.trainable() && !blocks.mix.trains()) return;
  norm.backward(context, saved.norm, drep, drep);
  blocks.backward(context, saved.blocks, saved.offsets, drep);
  if (inputs_frozen) return;
  context.observe_gradient("embedding_out", drep);
  if (context.training && shape.dropout > 0)
    kernels::dropout(drep, saved.offsets, context.random, embedding_site, shape.dropout);
  embed_backward(context, saved, drep);
}

template struct StructureEncoder<F32>;
template struct StructureEncoder<F64>;

}  // namespace jespr
