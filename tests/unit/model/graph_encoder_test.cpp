// GraphEncoder: gradients by all parameters, with gaps, breaks and half a residue, in both modes;
// recomputation of its blocks.
#include "model/graph_encoder.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/backbones.hpp"
#include "support/layers.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

std::vector<Backbone> examples() {
  std::vector<Backbone> all = {random_backbone(9, 7), random_backbone(1, 8)};
  remove_residue(all[0], 4);
  break_before(all[0], 7);
  all[0][6 * numbers_per_row + 7] = std::nan("");
  return all;
}

struct Case {
  ParameterStore<F64> store;
  Bench bench;
  GraphEncoder<F64> encoder;
  GraphEncoder<F64>::Saved saved;
  Packed<double> packed = pack<double>(bench.inputs, examples());
  kernels::NodeGeometry<double> geometry;
  Matrix<double> confidence;
  std::size_t rows = packed.coordinates.extent(0);

  Case(GeometryMode mode, int layers) {
    encoder = GraphEncoder<F64>::add(store, "graph",
                                     {.scalars = 7,
                                      .vectors = 3,
                                      .edge_scalars = 5,
                                      .edge_vectors = 2,
                                      .layers = layers,
                                      .neighbours = 5,
                                      .dropout = 0.2},
                                     2);
    bench.context.training = true;
    store.freeze();
    randomize(store, 1);
    geometry = kernels::node_geometry(bench.inputs, mode, packed.coordinates, packed.offsets);
    confidence = bench.inputs.matrix<double>(rows, kernels::radial_functions);
    kernels::radial_basis(packed.confidence, 0.0, 1.0, confidence);
  }
  /// Scalars of all rows, then vectors.
  Numbers forward() {
    bench.saved.release({});
    const Features<double> out = encoder.forward(bench.context, packed.coordinates, packed.offsets,
                                                 geometry, confidence, saved, true);
    Numbers all = to_host(out.s);
    const Numbers vectors = to_host(out.v);
    all.insert(all.end(), vectors.begin(), vectors.end());
    return all;
  }
  void backward(const Numbers& w) {
    const auto d =
        Features<double>::take(bench.inputs, rows, encoder.shape.scalars, encoder.shape.vectors);
    const auto scalars = static_cast<std::ptrdiff_t>(d.s.size());
    to_device(d.s, Numbers(w.begin(), w.begin() + scalars));
    to_device(d.v, Numbers(w.begin() + scalars, w.end()));
    encoder.backward(bench.context, saved, packed.offsets, d);
    EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
  }
};

TEST(GraphEncoder, GradientByDifferences) {
  for (const GeometryMode mode : {GeometryMode::reference, GeometryMode::invariant})
    for (const int layers : {0, 2}) {
      Case test(mode, layers);
      expect_layer_gradients("graph encoder of " + std::to_string(layers) + " layers", test.store,
                             {[&](const auto&) { return test.forward(); },
                              [&](const auto& w) {
                                test.backward(w);
                                return Numbers();
                              }},
                             {}, step_between_kinks);
    }
}

TEST(GraphEncoder, RecomputedBlocksHaveTheSameBitsAndLessMemory) {
  for (const int frozen : {0, 2}) {
    Case kept(GeometryMode::invariant, 4), again(GeometryMode::invariant, 4);
    kept.encoder.freeze(frozen);
    again.encoder.freeze(frozen);
    again.encoder.recompute = true;
    const Numbers out = again.forward();
    EXPECT_EQ(out, kept.forward());
    const std::size_t held = again.bench.saved.stack().in_use();
    EXPECT_LT(held, kept.bench.saved.stack().in_use());
    const Numbers w = random_numbers(out.size(), 3);
    again.backward(w);
    kept.backward(w);
    EXPECT_EQ(again.bench.saved.stack().in_use(), held);
    EXPECT_EQ(parameter_gradients(again.store), parameter_gradients(kept.store));
    EXPECT_LT(again.bench.saved.stack().high_water(), kept.bench.saved.stack().high_water());
  }
}

TEST(GraphEncoder, CountsTheLayersAbove) {
  Case test(GeometryMode::invariant, 3);  // and two more above the encoder
  EXPECT_EQ(test.store.find("graph.embed_graph.embed_node.0.ws.weight")->layers_above, 5);
  EXPECT_EQ(test.store.find("graph.encoder_layers.0.ff_func.0.ws.weight")->layers_above, 4);
  EXPECT_EQ(test.store.find("graph.encoder_layers.2.ff_func.0.ws.weight")->layers_above, 2);
}

}  // namespace
