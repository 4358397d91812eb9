// Gradients of the message kernels by differences: each backward kernel against the forward ones
// that it belongs to, tile by tile as the layer runs them.
#include <gtest/gtest.h>

#include "kernels/columns.hpp"
#include "kernels/vectors.hpp"
#include "support/differences.hpp"
#include "unit/kernels/example_graph.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

constexpr std::size_t s = 4, u = 3;  // scalar and vector channels

Tensor3<double> tensor(const Guarded<double>& x, std::size_t n, std::size_t channels) {
  return Tensor3<double>(x.vector().data(), n, 3, channels);
}

/// Numbers at least 2 from zero, of both signs: what is added to them and the steps of the
/// differences, both smaller, do not bring them over the kink of a relu.
Numbers far_from_zero(std::size_t n, std::uint64_t seed) {
  Numbers x = random_numbers(n, seed);
  for (double& value : x) value += value < 0 ? -2 : 2;
  return x;
}

void append(Numbers& all, const Numbers& more) { all.insert(all.end(), more.begin(), more.end()); }

/// out = a_source + b_target + edge vectors . map, over all tiles.
Numbers gathered(const ExampleGraph& test, const Numbers& a, const Numbers& b, const Numbers& ev,
                 const Numbers& map) {
  const std::size_t ue = map.size() / u;
  const Guarded<double> a_(a), b_(b), ev_(ev), map_(map);
  Numbers all;
  for (const Graph::Tile& tile : test.graph.tiles) {
    const auto n = static_cast<std::size_t>(tile.size());
    const Guarded<double> out(n * 3 * u);
    kernels::gather_vectors(test.graph, tile, tensor(a_, test.nodes, u), tensor(b_, test.nodes, u),
                            tensor(ev_, test.edges, ue), map_.matrix(ue, u), tensor(out, n, u));
    append(all, out.host());
  }
  return all;
}

/// Sums of rows of edges [E, columns] over either end.
struct EndSums {
  Numbers sources, targets;
};
EndSums summed(const ExampleGraph& test, const Numbers& x) {
  const std::size_t columns = x.size() / test.edges;
  const Numbers zeros(test.nodes * columns, 0);
  const Guarded<double> sources(zeros), targets(zeros);
  for (const Graph::Tile& tile : test.graph.tiles) {
    const Guarded<double> values(part(x, tile.begin, tile.end, columns));
    const auto rows = panel(values.matrix(static_cast<std::size_t>(tile.size()), columns));
    kernels::add_to_sources(test.graph, tile, rows, sources.matrix(test.nodes, columns));
    kernels::add_to_targets(test.graph, tile, rows, targets.matrix(test.nodes, columns));
  }
  return {sources.host(), targets.host()};
}

/// The gradient of a gather is the sum over the edges of an end.
TEST(MessageGradients, OfGatheredVectors) {
  const ExampleGraph test;
  constexpr std::size_t ue = 2;
  const Numbers a = random_numbers(test.nodes * 3 * u, 1), b = random_numbers(a.size(), 2),
                ev = random_numbers(test.edges * 3 * ue, 3), map = random_numbers(ue * u, 4),
                w = random_numbers(test.edges * 3 * u, 5);
  const EndSums sums = summed(test, w);
  const double magnitude = static_cast<double>(w.size());
  expect_gradient(
      "source rows", [&](const Numbers& x) { return dot(gathered(test, x, b, ev, map), w); }, a,
      sums.sources, magnitude);
  expect_gradient(
      "target rows", [&](const Numbers& x) { return dot(gathered(test, a, x, ev, map), w); }, b,
      sums.targets, magnitude);
}

/// The transpose of a sum over an end gives each edge what its end has.
TEST(MessageGradients, OfSumsOverEnds) {
  const ExampleGraph test;
  const Numbers x = random_numbers(test.edges * s, 6), ws = random_numbers(test.nodes * s, 7),
                wt = random_numbers(test.nodes * s, 8);
  Numbers gradient;
  for (std::size_t e = 0; e < test.edges; ++e)
    for (std::size_t c = 0; c < s; ++c)
      gradient.push_back(ws[static_cast<std::size_t>(test.source[e]) * s + c] +
                         wt[static_cast<std::size_t>(test.target[e]) * s + c]);
  expect_gradient(
      "edges",
      [&](const Numbers& v) {
        const EndSums sums = summed(test, v);
        return dot(sums.sources, ws) + dot(sums.targets, wt);
      },
      x, gradient, static_cast<double>(x.size()));
}

/// y = relu(h + p_source + q_target).
TEST(MessageGradients, OfGatheredScalars) {
  const ExampleGraph test;
  const Numbers h = far_from_zero(test.edges * s, 9), p = random_numbers(test.nodes * s, 10, 0.5),
                q = random_numbers(test.nodes * s, 11, 0.5), w = random_numbers(h.size(), 12);
  const auto forward = [&](const Numbers& own, const Numbers& source, const Numbers& target) {
    const Guarded<double> p_(source), q_(target);
    Numbers all;
    for (const Graph::Tile& tile : test.graph.tiles) {
      const Guarded<double> y(part(own, tile.begin, tile.end, s));
      kernels::gather_scalars_relu(test.graph, tile, p_.matrix(test.nodes, s),
                                   q_.matrix(test.nodes, s),
                                   panel(y.matrix(static_cast<std::size_t>(tile.size()), s)));
      append(all, y.host());
    }
    return all;
  };
  const Guarded<double> y(forward(h, p, q)), dh(w);
  kernels::relu_backward(panel(y.matrix(test.edges, s)), panel(dh.matrix(test.edges, s)));
  const EndSums sums = summed(test, dh.host());
  const double magnitude = 4.0 * static_cast<double>(w.size());
  expect_gradient(
      "edges", [&](const Numbers& x) { return dot(forward(x, p, q), w); }, h, dh.host(), magnitude);
  expect_gradient(
      "source rows", [&](const Numbers& x) { return dot(forward(h, x, q), w); }, p, sums.sources,
      magnitude);
  expect_gradient(
      "target rows", [&](const Numbers& x) { return dot(forward(h, p, x), w); }, q, sums.targets,
      magnitude);
}

/// L = <y, w> + <mean of y over the edges into a row, wm>, y = relu(h + bias).
TEST(MessageGradients, OfReluBiasAndMean) {
  const ExampleGraph test;
  const Numbers h = far_from_zero(test.edges * s, 13), bias = random_numbers(s, 14, 0.5),
                w = random_numbers(h.size(), 15), wm = random_numbers(test.nodes * s, 16);
  const auto activated = [&](const Numbers& x, const Numbers& b) {
    const Guarded<double> y(x), b_(b);
    kernels::bias_relu(b_.vector(), panel(y.matrix(test.edges, s)));
    return y.host();
  };
  const auto loss = [&](const Numbers& x, const Numbers& b) {
    const Numbers y = activated(x, b);
    const Guarded<double> mean(summed(test, y).targets);
    kernels::divide_by_edges_in(test.graph, mean.matrix(test.nodes, s));
    return dot(y, w) + dot(mean.host(), wm);
  };
  const Guarded<double> dmean(
      wm);  // the mean's matrix is diagonal: the same kernel is its transpose
  kernels::divide_by_edges_in(test.graph, dmean.matrix(test.nodes, s));
  const Numbers y = activated(h, bias);
  Numbers gradient;
  for (const Graph::Tile& tile : test.graph.tiles) {
    const auto n = static_cast<std::size_t>(tile.size());
    const Guarded<double> y_(part(y, tile.begin, tile.end, s)),
        dh(part(w, tile.begin, tile.end, s));
    kernels::relu_backward_from_targets(test.graph, tile, panel(y_.matrix(n, s)),
                                        dmean.matrix(test.nodes, s), panel(dh.matrix(n, s)));
    append(gradient, dh.host());
  }
  Bench bench;
  const Guarded<double> dh(gradient), dbias(Numbers(s, 0));
  kernels::add_column_sums(bench.scratch, dh.matrix(test.edges, s), dbias.vector());
  const double magnitude = 4.0 * static_cast<double>(w.size());
  expect_gradient(
      "edges", [&](const Numbers& x) { return loss(x, bias); }, h, gradient, magnitude);
  expect_gradient(
      "bias", [&](const Numbers& b) { return loss(h, b); }, bias, dbias.host(), magnitude);
}

/// L = <sums of v over the edges into a row, wv> + <sums of |v|, wn>.
TEST(MessageGradients, OfVectorsAndTheirNorms) {
  const ExampleGraph test;
  const Numbers v = random_numbers(test.edges * 3 * u, 17),
                wv = random_numbers(test.nodes * 3 * u, 18),
                wn = random_numbers(test.nodes * u, 19);
  const auto norms_of = [&](const Numbers& x) {
    const Guarded<double> v_(x), norms(test.edges * u);
    kernels::vector_norms(tensor(v_, test.edges, u), panel(norms.matrix(test.edges, u)));
    return norms.host();
  };
  // Norms stand behind s scalars in a row.
  Numbers dscalars = random_numbers(test.nodes * (s + u), 20);
  for (std::size_t i = 0; i < wn.size(); ++i) dscalars[i / u * (s + u) + s + i % u] = wn[i];
  const Numbers norms = norms_of(v);
  const Guarded<double> dvectors(wv), dscalars_(dscalars);
  Numbers gradient;
  for (const Graph::Tile& tile : test.graph.tiles) {
    const auto n = static_cast<std::size_t>(tile.size());
    const Guarded<double> v_(part(v, tile.begin, tile.end, 3 * u)),
        norms_(part(norms, tile.begin, tile.end, u)), dv(n * 3 * u);
    kernels::gather_vector_gradients(
        test.graph, tile, tensor(dvectors, test.nodes, u), dscalars_.matrix(test.nodes, s + u),
        static_cast<int>(s), tensor(v_, n, u), panel(norms_.matrix(n, u)), tensor(dv, n, u));
    append(gradient, dv.host());
  }
  expect_gradient(
      "vectors",
      [&](const Numbers& x) {
        return dot(summed(test, x).targets, wv) + dot(summed(test, norms_of(x)).targets, wn);
      },
      v, gradient, static_cast<double>(v.size()), 1.0 / 1024);
}

TEST(MessageGradients, OfTheBiasOfRowsWithEdges) {
  const ExampleGraph test;
  const Numbers x = random_numbers(test.nodes * s, 21), bias = random_numbers(s, 22),
                w = random_numbers(x.size(), 23);
  Bench bench;
  const Guarded<double> dy(w), dbias(Numbers(s, 0));
  kernels::add_bias_gradient_where_edges(bench.scratch, test.graph, dy.matrix(test.nodes, s),
                                         dbias.vector());
  expect_gradient(
      "bias",
      [&](const Numbers& b) {
        const Guarded<double> b_(b), y(x);
        kernels::add_bias_where_edges(test.graph, b_.vector(), y.matrix(test.nodes, s));
        return dot(y.host(), w);
      },
      bias, dbias.host(), static_cast<double>(w.size()));
}

}  // namespace
