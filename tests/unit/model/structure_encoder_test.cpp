// StructureEncoder: invariance, independence of packing, gradients, freezing, evaluation.
#include "model/structure_encoder.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/arrays.hpp"
#include "support/backbones.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

StructureShape small_shape(GeometryMode mode, double dropout = 0, int graph_layers = 2) {
  StructureShape shape;
  shape.graph = {.scalars = 10,
                 .vectors = 4,
                 .edge_scalars = 6,
                 .edge_vectors = 1,
                 .layers = graph_layers,
                 .neighbours = 8,
                 .dropout = dropout};
  shape.layers = 2;
  shape.width = 12;
  shape.heads = 3;
  shape.feed_forward = 20;
  shape.dropout = dropout;
  shape.mode = mode;
  return shape;
}

/// Proteins with a gap, a break, half a residue, a single residue.
std::vector<Backbone> examples() {
  std::vector<Backbone> all = {random_backbone(23, 1), random_backbone(1, 2),
                               random_backbone(14, 3), random_backbone(40, 4)};
  remove_residue(all[0], 7);
  remove_residue(all[0], 8);
  break_before(all[0], 15);
  all[2][5 * numbers_per_row + 7] = std::nan("");
  remove_residue(all[3], 1);
  return all;
}

template <class P>
struct Case {
  using Real = typename P::Real;
  ParameterStore<P> store;
  Bench bench;
  StructureEncoder<P> encoder;
  typename StructureEncoder<P>::Saved saved;
  std::size_t width;

  explicit Case(const StructureShape& shape) : width(static_cast<std::size_t>(shape.width)) {
    encoder = StructureEncoder<P>::add(store, "", shape);
    store.freeze();
    randomize(store, 1);
    bench.context.training = shape.dropout > 0;
    bench.context.random = {{5, 6}};
  }
  StructureInput<Real> input(const std::vector<Backbone>& backbones,
                             const std::vector<int>& identity = {}) {
    const Packed<Real> packed = pack<Real>(bench.inputs, backbones, identity);
    return {packed.offsets, packed.coordinates, packed.confidence};
  }
  Numbers forward(const StructureInput<Real>& in, bool differentiate = true) {
    bench.saved.release({});
    const auto rep = to_host(encoder.forward(bench.context, in, saved, differentiate));
    return Numbers(rep.begin(), rep.end());
  }
  void backward(const Numbers& values) {
    const Guarded<Real> drep(values);
    encoder.backward(bench.context, saved, drep.matrix(values.size() / width, width));
  }
};

/// Rows [begin, end) of numbers with `width` columns.
Numbers rows_of(const Numbers& x, int begin, int end, std::size_t width) {
  const auto w = static_cast<std::ptrdiff_t>(width);
  return Numbers(x.begin() + begin * w, x.begin() + end * w);
}

TEST(StructureEncoder, InvariantModeIsInvariant) {
  std::vector<Backbone> turned;
  for (const Backbone& b : examples()) turned.push_back(moved(b, 99, {25, -40, 60}));
  Case<F64> test(small_shape(GeometryMode::invariant));
  const Numbers here = test.forward(test.input(examples()));
  const Numbers there = test.forward(test.input(turned));
  // Coordinates near 100 Angstrom lose 7 bits to their size; sines near straight angles and
  // softened norms of short vectors magnify what remains.
  expect_close(there, here, 1e-9, "rotated and shifted");

  Case<F64> reference(small_shape(GeometryMode::reference));
  const Numbers fixed = reference.forward(reference.input(examples()));
  EXPECT_GT(max_difference(reference.forward(reference.input(turned)), fixed), 1e-3)
      << "the reference depends on the position; else this test shows nothing";
}

/// A protein alone and packed with others: the same to rounding, forward and in the sum of the
/// gradients. With dropout, whose masks follow the identity.
TEST(StructureEncoder, DoesNotDependOnThePacking) {
  for (const GeometryMode mode : {GeometryMode::reference, GeometryMode::invariant}) {
    const std::vector<Backbone> proteins = examples();
    const std::vector<int> identity = {5, 9, 2, 30};
    Case<F64> together(small_shape(mode, 0.2)), alone(small_shape(mode, 0.2));
    const Numbers all = together.forward(together.input(proteins, identity));
    const Numbers w = random_numbers(all.size(), 3);
    together.backward(w);
    int first = 0;
    for (std::size_t b = 0; b < proteins.size(); ++b) {
      const int end = first + jespr::test::rows_of(proteins[b]);
      const Numbers own = alone.forward(alone.input({proteins[b]}, {identity[b]}));
      expect_close(own, rows_of(all, first, end, together.width), 1e-12, "protein alone");
      alone.backward(rows_of(w, first, end, together.width));
      first = end;
    }
    expect_close(parameter_gradients(alone.store), parameter_gradients(together.store), 1e-12,
                 "sum of the gradients");
  }
}

/// Not-a-number is a missing number as infinity is, not the mark of padding that the reference
/// makes of it when it is x of N: the row stays, and all rows are the same to the bit.
TEST(StructureEncoder, NotANumberIsMissing) {
  for (const GeometryMode mode : {GeometryMode::reference, GeometryMode::invariant})
    for (const std::size_t count : {std::size_t(1), numbers_per_row}) {
      Backbone infinite = random_backbone(12, 5), not_a_number = infinite;
      for (std::size_t k = 0; k < count; ++k) {
        infinite[4 * numbers_per_row + k] = HUGE_VAL;
        not_a_number[4 * numbers_per_row + k] = std::nan("");
      }
      Case<F64> test(small_shape(mode));
      const Numbers rep = test.forward(test.input({not_a_number}));
      EXPECT_EQ(rep.size(), 14 * test.width);
      EXPECT_EQ(rep, test.forward(test.input({infinite})));
      EXPECT_NE(rep, test.forward(test.input({random_backbone(12, 5)})));
    }
}

TEST(StructureEncoder, GradientByDifferences) {
  std::vector<Backbone> proteins = {random_backbone(8, 7), random_backbone(1, 8)};
  remove_residue(proteins[0], 3);
  proteins[0][6 * numbers_per_row + 7] = std::nan("");  // a coordinate of CA
  for (const auto& [mode, graph_layers] : {std::pair{GeometryMode::reference, 0},
                                           {GeometryMode::reference, 2},
                                           {GeometryMode::invariant, 0},
                                           {GeometryMode::invariant, 2}}) {
    Case<F64> test(small_shape(mode, 0.2, graph_layers));
    const StructureInput<double> input = test.input(proteins);
    const Numbers parameters = parameter_values(test.store);
    const Numbers w = random_numbers(test.forward(input).size(), 9);
    test.backward(w);
    const Numbers gradient = parameter_gradients(test.store);
    expect_gradient(
        "parameters",
        [&](const Numbers& p) {
          set_parameter_values(test.store, p);
          return dot(test.forward(input), w);
        },
        parameters, gradient, 64.0 * static_cast<double>(w.size()), step_between_kinks);
  }
}

TEST(StructureEncoder, EvaluationGivesTheSameAndKeepsLittle) {
  Case<F32> test(small_shape(GeometryMode::invariant));
  const StructureInput<float> input = test.input(examples());
  const Numbers trained = test.forward(input);
  const std::size_t with_gradient = test.bench.saved.stack().in_use();
  EXPECT_EQ(test.forward(input, false), trained);
  EXPECT_LT(test.bench.saved.stack().in_use(), with_gradient / 4);
}

/// Frozen layers: same values, gradients of the others unchanged, none for the frozen.
TEST(StructureEncoder, FrozenLayersKeepAndTrainNothing) {
  Case<F64> free(small_shape(GeometryMode::invariant));
  const Numbers rep = free.forward(free.input(examples()));
  const Numbers w = random_numbers(rep.size(), 10);
  free.backward(w);
  std::size_t memory = free.bench.saved.stack().in_use();
  for (const int layers : {1, 2, 3, 4}) {
    Case<F64> frozen(small_shape(GeometryMode::invariant));
    frozen.encoder.freeze(layers);
    EXPECT_EQ(frozen.forward(frozen.input(examples())), rep) << layers;
    EXPECT_LT(frozen.bench.saved.stack().in_use(), memory) << layers;
    memory = frozen.bench.saved.stack().in_use();
    frozen.backward(w);
    int trained = 0;
    for (const auto& p : frozen.store.parameters()) {
      const Numbers gradient = to_host(p.gradient);
      if (p.trainable) {
        ++trained;
        EXPECT_EQ(gradient, to_host(free.store.find(p.name)->gradient)) << layers << " " << p.name;
      } else {
        EXPECT_EQ(max_abs(gradient), 0) << layers << " " << p.name;
      }
    }
    EXPECT_EQ(trained == 0, layers == 4);
    EXPECT_FALSE(frozen.store.find("gvp_encoder.embed_graph.embed_edge.0.ws.weight")->trainable);
    EXPECT_EQ(frozen.store.find("embed_gvp_output.weight")->trainable, layers < 3);
    EXPECT_EQ(frozen.store.find("layers.1.fc1.weight")->trainable, layers < 4);
  }
}

TEST(StructureEncoder, MemoryDependsOnTheNumberOfRowsAlone) {
  Case<F64> test(small_shape(GeometryMode::invariant));
  Backbone gaps = random_backbone(30, 11);
  const auto in_use = [&] {
    const Numbers rep = test.forward(test.input({gaps}));
    test.backward(rep);
    return std::pair(test.bench.saved.stack().in_use(), test.bench.scratch.stack().high_water());
  };
  const auto [saved, scratch] = in_use();
  for (int row = 3; row < 29; row += 2) remove_residue(gaps, row);
  const auto [saved_with_gaps, scratch_with_gaps] = in_use();
  // Per edge array, its share of one alignment is counted for every edge.
  EXPECT_LE(saved_with_gaps, saved + saved / 8);
  EXPECT_EQ(scratch_with_gaps, scratch);
}

TEST(StructureEncoder, ShowsNothingWithoutObserver) {
  Case<F64> test(small_shape(GeometryMode::invariant));
  int shown = 0;
  test.forward(test.input(examples()));
  const std::size_t unobserved = test.bench.saved.stack().in_use();
  test.bench.context.observer = [&](const std::string&, const auto&, const auto&) { ++shown; };
  test.forward(test.input(examples()));
  EXPECT_GT(shown, 20);
  EXPECT_EQ(test.bench.saved.stack().in_use(), unobserved);
}

}  // namespace
