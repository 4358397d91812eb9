// GvpConv: against unfactored messages edge by edge, gradients by everything, memory, and one block
// with its feed-forward and dropout.
#include "layers/gvp_conv.hpp"

#include <gtest/gtest.h>

#include "layers/gvp_block.hpp"
#include "support/arrays.hpp"
#include "support/backbones.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"
#include "support/host_gvp.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

/// A graph of three proteins, by default in tiles that cut rows, and features on it.
template <class P>
struct Example {
  using Real = typename P::Real;
  Bench bench;
  Packed<Real> packed;
  Graph graph;
  Features<Real> nodes, edges;

  explicit Example(const GvpConvShape& shape, int residues = 11, int neighbours = 6,
                   int tile = 37) {
    std::vector<Backbone> backbones = {random_backbone(residues, 1), random_backbone(1, 2),
                                       random_backbone(4, 3)};
    remove_residue(backbones[0], 5);
    packed = pack<Real>(bench.inputs, backbones);
    const auto geometry = kernels::node_geometry(bench.inputs, GeometryMode::invariant,
                                                 packed.coordinates, packed.offsets);
    graph = kernels::neighbour_graph(bench.inputs, bench.scratch, packed.coordinates,
                                     Vector<const int>(geometry.complete), packed.offsets,
                                     neighbours, tile);
    nodes =
        Features<Real>::take(bench.inputs, std::size_t(graph.nodes), shape.scalars, shape.vectors);
    edges = Features<Real>::take(bench.inputs, std::size_t(graph.edges), shape.edge_scalars,
                                 shape.edge_vectors);
    fill(nodes, 10);
    fill(edges, 20);
  }
  static void fill(const Features<Real>& x, std::uint64_t seed) {
    to_device(x.s, converted<Real>(random_numbers(x.s.size(), seed)));
    to_device(x.v, converted<Real>(random_numbers(x.v.size(), seed + 1)));
  }
};

template <class T>
Numbers all_of(const Features<T>& x) {
  Numbers all;
  for (T value : to_host(x.s)) all.push_back(value);
  for (T value : to_host(x.v)) all.push_back(value);
  return all;
}
void set(const Features<double>& x, const Numbers& all) {
  const auto scalars = static_cast<std::ptrdiff_t>(x.s.size());
  to_device(x.s, Numbers(all.begin(), all.begin() + scalars));
  to_device(x.v, Numbers(all.begin() + scalars, all.end()));
}

GvpRow row_of(const Features<double>& x, int i) {
  const auto part = [i](const Numbers& all, std::size_t width) {
    const auto begin = all.begin() + i * static_cast<std::ptrdiff_t>(width);
    return Numbers(begin, begin + static_cast<std::ptrdiff_t>(width));
  };
  return {part(to_host(x.s), x.s.extent(1)), part(to_host(x.v), 3 * x.v.extent(2))};
}

/// The mean over incoming edges of three perceptrons on [source, edge, target].
Numbers reference(ParameterStore<F64>& store, const Example<F64>& test) {
  const std::vector<int> source = to_host(test.graph.source), target = to_host(test.graph.target);
  Numbers s(test.nodes.s.size(), 0.0), v(test.nodes.v.size(), 0.0);
  const std::size_t n = test.nodes.rows(), a = s.size() / n, b = v.size() / n;
  for (std::size_t e = 0; e < source.size(); ++e) {
    GvpRow m = joined(
        {row_of(test.nodes, source[e]), row_of(test.edges, int(e)), row_of(test.nodes, target[e])});
    for (int k = 0; k < 3; ++k) m = host_gvp(store, "conv.message_func." + std::to_string(k), m);
    const auto j = static_cast<std::size_t>(target[e]);
    const auto count = double(std::count(target.begin(), target.end(), target[e]));
    for (std::size_t c = 0; c < a; ++c) s[j * a + c] += m.s[c] / count;
    for (std::size_t c = 0; c < b; ++c) v[j * b + c] += m.v[c] / count;
  }
  s.insert(s.end(), v.begin(), v.end());
  return s;
}

template <class P>
struct Layer {
  ParameterStore<P> store;
  GvpConv<P> conv;
  explicit Layer(const GvpConvShape& shape) {
    conv = GvpConv<P>::add(store, "conv", shape);
    store.freeze();
    randomize(store, 7);
  }
};

/// The last two fill vectors of all CPUs: their tiles are for single threads there.
const GvpConvShape shapes[] = {
    {8, 3, 5, 1}, {17, 6, 4, 2}, {1, 1, 1, 1}, {16, 16, 5, 1}, {32, 16, 9, 2}};
/// Steps of differences: the more relus, the nearer the next kink.
double step_for(const GvpConvShape& shape) { return 1.0 / (shape.vectors < 16 ? 8192 : 131072); }

TEST(GvpConv, EqualsUnfactoredMessages) {
  for (const GvpConvShape& shape : shapes) {
    const Example<F64> exact(shape);
    const Example<F32> single(shape);
    Layer<F64> layer(shape);
    Layer<F32> layer32(shape);
    GvpConv<F64>::Saved saved;
    GvpConv<F32>::Saved saved32;
    Bench bench;
    const Numbers expected = reference(layer.store, exact);
    // Three perceptrons, each a sum of at most 2 S + S_e + 2 (2 U + U_e) products.
    const double terms = 3.0 * (2 * shape.scalars + shape.edge_scalars + 6 * shape.vectors);
    expect_close(
        all_of(layer.conv.forward(bench.context, exact.nodes, exact.edges, exact.graph, saved)),
        expected, rounding<double>(terms), "f64");
    expect_close(all_of(layer32.conv.forward(bench.context, single.nodes, single.edges,
                                             single.graph, saved32)),
                 expected, rounding<float>(terms), "f32");
  }
}

TEST(GvpConv, GradientByDifferences) {
  for (const GvpConvShape& shape : shapes) {
    const Example<F64> test(shape, 6);
    Layer<F64> layer(shape);
    Bench bench;
    const Numbers nodes = all_of(test.nodes), edges = all_of(test.edges),
                  parameters = parameter_values(layer.store), w = random_numbers(nodes.size(), 30);
    GvpConv<F64>::Saved saved;
    layer.conv.forward(bench.context, test.nodes, test.edges, test.graph, saved);
    const auto like = [&](const Features<double>& x, const Numbers& values) {
      const auto copy = Features<double>::take(bench.inputs, x.rows(), x.scalars(), x.vectors());
      set(copy, values);
      return copy;
    };
    const Numbers start_nodes = random_numbers(nodes.size(), 31),
                  start_edges = random_numbers(edges.size(), 32);
    const auto dnodes = like(test.nodes, start_nodes), dedges = like(test.edges, start_edges);
    layer.conv.backward(bench.context, saved, test.graph, like(test.nodes, w), dnodes, &dedges);
    const auto loss = [&](const Numbers& n, const Numbers& e, const Numbers& p) {
      Scope scope(bench.saved);
      set(test.nodes, n);
      set(test.edges, e);
      set_parameter_values(layer.store, p);
      GvpConv<F64>::Saved other;
      return dot(
          all_of(layer.conv.forward(bench.context, test.nodes, test.edges, test.graph, other)), w);
    };
    const auto added = [](const Features<double>& d, const Numbers& start) {
      Numbers gradient = all_of(d);
      for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] -= start[i];
      return gradient;
    };
    const Numbers dparameters = parameter_gradients(layer.store);
    const double size = 4.0 * double(w.size()), step = step_for(shape);
    expect_gradient(
        "nodes", [&](const Numbers& x) { return loss(x, edges, parameters); }, nodes,
        added(dnodes, start_nodes), size, step);
    expect_gradient(
        "edges", [&](const Numbers& x) { return loss(nodes, x, parameters); }, edges,
        added(dedges, start_edges), size, step);
    expect_gradient(
        "parameters", [&](const Numbers& x) { return loss(nodes, edges, x); }, parameters,
        dparameters, size, step);
  }
}

TEST(GvpConv, KeepsNothingForEdgesThatIsOfNoUseOrComputedAgain) {
  const auto kept = [](bool recompute, bool differentiate) {
    constexpr int s = 16, u = 4;
    const GvpConvShape shape{s, u, 8, 1};
    const Example<F64> test(shape);
    Layer<F64> layer(shape);
    layer.conv.recompute = recompute;
    Bench bench;
    GvpConv<F64>::Saved saved;
    layer.conv.forward(bench.context, test.nodes, test.edges, test.graph, saved, differentiate);
    constexpr std::size_t alignment = 256, arrays = 8;
    const auto over_rows = test.nodes.rows() * static_cast<std::size_t>(2 * s + 7 * u);
    EXPECT_GE(bench.saved.stack().in_use(), 8 * over_rows);
    return bench.saved.stack().in_use() > 8 * over_rows + arrays * alignment;
  };
  EXPECT_FALSE(kept(false, false));
  EXPECT_TRUE(kept(false, true));
  EXPECT_FALSE(kept(true, true));
}

/// Everything that both passes give, with or without kept messages.
Numbers results(Layer<F32>& layer, const Example<F32>& test, bool keep) {
  Bench bench;
  layer.conv.recompute = !keep;
  layer.store.zero_gradients();
  const auto take = [&](const Features<float>& x, std::uint64_t seed) {
    const auto d = Features<float>::take(bench.inputs, x.rows(), x.scalars(), x.vectors());
    Example<F32>::fill(d, seed);
    return d;
  };
  const auto dout = take(test.nodes, 1);
  const auto dnodes = take(test.nodes, 2);
  const auto dedges = take(test.edges, 3);
  GvpConv<F32>::Saved saved;
  Numbers all =
      all_of(layer.conv.forward(bench.context, test.nodes, test.edges, test.graph, saved));
  EXPECT_EQ(saved.messages.exist(), keep);
  layer.conv.backward(bench.context, saved, test.graph, dout, dnodes, &dedges);
  const auto append = [&](const Numbers& more) { all.insert(all.end(), more.begin(), more.end()); };
  append(all_of(dnodes));
  append(all_of(dedges));
  append(parameter_gradients(layer.store));
  return all;
}

TEST(GvpConv, WhatIsKeptChangesNoBit) {
  for (const GvpConvShape& shape : shapes) {
    const Example<F32> test(shape);
    Layer<F32> layer(shape);
    EXPECT_EQ(results(layer, test, true), results(layer, test, false));
  }
}

/// The message layer of gvpt_8M on a protein of 250 residues.
struct TimedConv {
  GvpConvShape shape{128, 64, 32, 1};
  Example<F32> example{shape, 250, 30, edges_per_tile};
  Layer<F32> layer{shape};
  Bench bench;
  GvpConv<F32>::Saved saved;
  double operations = 0;  // of the products of the forward pass

  TimedConv() {
    forward(saved);
    operations = bench.context.products.operations();
  }
  void forward(GvpConv<F32>::Saved& into) {
    layer.conv.forward(bench.context, example.nodes, example.edges, example.graph, into);
  }
};

void time_gvp_conv(benchmark::State& state) {
  TimedConv timed;
  measure(state, {.operations = timed.operations}, [&] {
    Scope scope(timed.bench.saved);
    GvpConv<F32>::Saved other;
    timed.forward(other);
  });
}
JESPR_BENCHMARK("GvpConv f32 128/64, forward", time_gvp_conv);

void time_gvp_conv_backward(benchmark::State& state) {
  TimedConv timed;
  const std::size_t rows = timed.example.nodes.rows();
  const auto dout = Features<float>::take(timed.bench.inputs, rows, 128, 64);
  const auto dnodes = Features<float>::take(timed.bench.inputs, rows, 128, 64);
  Example<F32>::fill(dout, 1);
  Example<F32>::fill(dnodes, 2);
  measure(state, {.operations = 3 * timed.operations}, [&] {
    timed.layer.conv.backward(timed.bench.context, timed.saved, timed.example.graph, dout, dnodes,
                              nullptr);
  });
}
JESPR_BENCHMARK("GvpConv f32 128/64, backward", time_gvp_conv_backward);

TEST(GvpBlock, GradientByDifferencesWithDropout) {
  const GvpConvShape shape{6, 3, 4, 1};
  const Example<F64> test(shape, 5);
  ParameterStore<F64> store;
  const auto block = GvpBlock<F64>::add(store, "block", shape, 0.3);
  store.freeze();
  randomize(store, 8);
  Bench bench;
  bench.context.training = true;
  bench.context.random = {{3, 4}};
  const Numbers nodes = all_of(test.nodes), edges = all_of(test.edges),
                parameters = parameter_values(store), w = random_numbers(nodes.size(), 40);
  const auto loss = [&](const Numbers& n, const Numbers& e, const Numbers& p,
                        GvpBlock<F64>::Saved& saved) {
    set(test.nodes, n);
    set(test.edges, e);
    set_parameter_values(store, p);
    return dot(all_of(block.forward(bench.context, test.nodes, test.edges, test.graph,
                                    test.packed.offsets, 1, saved)),
               w);
  };
  GvpBlock<F64>::Saved saved;
  loss(nodes, edges, parameters, saved);
  const auto d = Features<double>::take(bench.inputs, test.nodes.rows(), 6, 3);
  const auto dedges = Features<double>::take(bench.inputs, test.edges.rows(), 4, 1);
  set(d, w);
  set(dedges, Numbers(edges.size(), 0.0));
  block.backward(bench.context, saved, test.graph, test.packed.offsets, 1, d, &dedges);
  const Numbers dparameters = parameter_gradients(store);
  const auto value = [&](const Numbers& n, const Numbers& e, const Numbers& p) {
    Scope scope(bench.saved);
    GvpBlock<F64>::Saved other;
    return loss(n, e, p, other);
  };
  const double size = 4.0 * double(w.size()), step = 1.0 / 8192;
  expect_gradient(
      "nodes", [&](const Numbers& x) { return value(x, edges, parameters); }, nodes, all_of(d),
      size, step);
  expect_gradient(
      "edges", [&](const Numbers& x) { return value(nodes, x, parameters); }, edges, all_of(dedges),
      size, step);
  expect_gradient(
      "parameters", [&](const Numbers& x) { return value(nodes, edges, x); }, parameters,
      dparameters, size, step);
}

}  // namespace
