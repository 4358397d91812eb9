// Messages along edges: gathers, segmented sums over either end, means, on tiles that cut rows.
#include "kernels/messages.hpp"

#include <gtest/gtest.h>

#include "unit/kernels/example_graph.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

TEST(Messages, SumsOverEitherEndEqualSerialSums) {
  const ExampleGraph test;
  constexpr std::size_t columns = 5, width = columns + 3;
  const Numbers x = random_numbers(test.edges * width, 1);
  const Guarded<double> targets(Numbers(test.nodes * columns, 0.5)),
      sources(Numbers(test.nodes * columns, 0.5)), in_order(Numbers(test.nodes * columns, 0.5));
  for (const Graph::Tile& tile : test.graph.tiles) {
    const Guarded<double> values(part(x, tile.begin, tile.end, width));
    const Panel<double> columns_in = columns_of(
        values.matrix(static_cast<std::size_t>(tile.size()), width), 2, static_cast<int>(columns));
    kernels::add_to_targets(test.graph, tile, columns_in, targets.matrix(test.nodes, columns));
    kernels::add_to_sources(test.graph, tile, columns_in, sources.matrix(test.nodes, columns));
    if constexpr (device_is_host)
      kernels::add_to_sources_in_order(test.graph, tile, columns_in, 0,
                                       in_order.matrix(test.nodes, columns));
  }
  Numbers by_target(test.nodes * columns, 0.5), by_source = by_target;
  for (std::size_t e = 0; e < test.edges; ++e)
    for (std::size_t c = 0; c < columns; ++c) {
      by_target[static_cast<std::size_t>(test.target[e]) * columns + c] += x[e * width + 2 + c];
      by_source[static_cast<std::size_t>(test.source[e]) * columns + c] += x[e * width + 2 + c];
    }
  EXPECT_EQ(targets.host(), by_target) << "in the order of edges, bit for bit";
  EXPECT_EQ(sources.host(), by_source) << "in the order of edges, bit for bit";
  if constexpr (device_is_host) {
    EXPECT_EQ(in_order.host(), by_source) << "by one thread";
  }
}

TEST(Messages, EdgesGetTheGradientOfTheirVectors) {
  const ExampleGraph test;
  constexpr std::size_t k = 7, ue = 2;
  const Numbers map = random_numbers(ue * k, 21), old = random_numbers(test.edges * 3 * ue, 22);
  const Guarded<double> map_(map), out(old);
  Numbers expected = old;
  for (const Graph::Tile& tile : test.graph.tiles) {
    const auto n = static_cast<std::size_t>(tile.size());
    const Numbers dv = random_numbers(n * 3 * k, 23);
    const Guarded<double> dv_(dv);
    kernels::add_edge_vector_gradients(tile, Tensor3<double>(dv_.vector().data(), n, 3, k),
                                       map_.matrix(ue, k),
                                       Tensor3<double>(out.vector().data(), test.edges, 3, ue));
    for (std::size_t row = 0; row < 3 * n; ++row)
      for (std::size_t u = 0; u < ue; ++u)
        for (std::size_t c = 0; c < k; ++c)
          expected[(3 * static_cast<std::size_t>(tile.begin) + row) * ue + u] +=
              dv[row * k + c] * map[u * k + c];
  }
  expect_close(out.host(), expected, rounding<double>(k + 1), "gradient of edge vectors");
}

TEST(Messages, GathersEqualTheFormula) {
  const ExampleGraph test;
  constexpr std::size_t k = 7, ue = 2, s = 4;
  const Numbers a = random_numbers(test.nodes * 3 * k, 2),
                b = random_numbers(test.nodes * 3 * k, 3),
                ev = random_numbers(test.edges * 3 * ue, 4), map = random_numbers(ue * k, 5),
                p = random_numbers(test.nodes * s, 6), q = random_numbers(test.nodes * s, 7),
                h = random_numbers(test.edges * s, 8);
  const Guarded<double> a_(a), b_(b), ev_(ev), map_(map), p_(p), q_(q);
  const auto tensor = [](const Guarded<double>& x, std::size_t n, std::size_t u) {
    return Tensor3<double>(x.vector().data(), n, 3, u);
  };
  for (const Graph::Tile& tile : test.graph.tiles) {
    const auto n = static_cast<std::size_t>(tile.size());
    const Guarded<double> out(n * 3 * k), scalars(part(h, tile.begin, tile.end, s));
    kernels::gather_vectors(test.graph, tile, tensor(a_, test.nodes, k), tensor(b_, test.nodes, k),
                            tensor(ev_, test.edges, ue), map_.matrix(ue, k), tensor(out, n, k));
    kernels::gather_scalars_relu(test.graph, tile, p_.matrix(test.nodes, s),
                                 q_.matrix(test.nodes, s), panel(scalars.matrix(n, s)));
    Numbers expected, expected_scalars;
    for (int e = tile.begin; e < tile.end; ++e) {
      const auto edge = static_cast<std::size_t>(e);
      const auto i = static_cast<std::size_t>(test.source[edge]),
                 j = static_cast<std::size_t>(test.target[edge]);
      for (std::size_t d = 0; d < 3; ++d)
        for (std::size_t c = 0; c < k; ++c) {
          double sum = a[(3 * i + d) * k + c] + b[(3 * j + d) * k + c];
          for (std::size_t l = 0; l < ue; ++l) sum += ev[(3 * edge + d) * ue + l] * map[l * k + c];
          expected.push_back(sum);
        }
      for (std::size_t c = 0; c < s; ++c)
        expected_scalars.push_back(std::max(0.0, h[edge * s + c] + p[i * s + c] + q[j * s + c]));
    }
    expect_close(out.host(), expected, rounding<double>(4), "vectors");
    expect_close(scalars.host(), expected_scalars, rounding<double>(3), "scalars");
  }
}

TEST(Messages, GradientsOfTheMeanReachEveryEdge) {
  const ExampleGraph test;
  constexpr std::size_t u = 3, s = 4;
  const Numbers dv = random_numbers(test.nodes * 3 * u, 9),
                ds = random_numbers(test.nodes * (s + u), 10),
                v = random_numbers(test.edges * 3 * u, 11), y = random_numbers(test.edges * s, 12),
                dh = random_numbers(test.edges * s, 13);
  Numbers norms = random_numbers(test.edges * u, 14);
  for (double& norm : norms) norm += 2;
  const Guarded<double> dv_(dv), ds_(ds);
  for (const Graph::Tile& tile : test.graph.tiles) {
    const auto n = static_cast<std::size_t>(tile.size());
    const Guarded<double> v_(part(v, tile.begin, tile.end, 3 * u)),
        norms_(part(norms, tile.begin, tile.end, u)), out(n * 3 * u),
        y_(part(y, tile.begin, tile.end, s)), dh_(part(dh, tile.begin, tile.end, s));
    kernels::gather_vector_gradients(
        test.graph, tile, Tensor3<double>(dv_.vector().data(), test.nodes, 3, u),
        ds_.matrix(test.nodes, s + u), s, Tensor3<double>(v_.vector().data(), n, 3, u),
        panel(norms_.matrix(n, u)), Tensor3<double>(out.vector().data(), n, 3, u));
    kernels::relu_backward_from_targets(test.graph, tile, panel(y_.matrix(n, s)),
                                        ds_.matrix(test.nodes, s + u), panel(dh_.matrix(n, s)));
    Numbers expected, expected_scalars;
    for (int e = tile.begin; e < tile.end; ++e) {
      const auto edge = static_cast<std::size_t>(e);
      const auto j = static_cast<std::size_t>(test.target[edge]);
      for (std::size_t d = 0; d < 3; ++d)
        for (std::size_t c = 0; c < u; ++c)
          expected.push_back(dv[(3 * j + d) * u + c] + ds[j * (s + u) + s + c] *
                                                           v[(3 * edge + d) * u + c] /
                                                           norms[edge * u + c]);
      for (std::size_t c = 0; c < s; ++c)
        expected_scalars.push_back(y[edge * s + c] > 0 ? dh[edge * s + c] + ds[j * (s + u) + c]
                                                       : 0);
    }
    expect_close(out.host(), expected, rounding<double>(4), "vectors");
    expect_close(dh_.host(), expected_scalars, rounding<double>(2), "scalars");
  }
}

TEST(Messages, RowsWithoutEdgesGetNoBias) {
  const ExampleGraph test;
  constexpr std::size_t columns = 3;
  const Numbers x = random_numbers(test.nodes * columns, 15), bias = {1, 2, 3};
  const Guarded<double> y(x), b(bias), mean(x), dbias(Numbers(columns, 0.0));
  kernels::add_bias_where_edges(test.graph, b.vector(), y.matrix(test.nodes, columns));
  Bench bench;
  kernels::add_bias_gradient_where_edges(bench.scratch, test.graph,
                                         mean.matrix(test.nodes, columns), dbias.vector());
  kernels::divide_by_edges_in(test.graph, mean.matrix(test.nodes, columns));
  std::vector<int> in(test.nodes, 0);
  for (int j : test.target) ++in[static_cast<std::size_t>(j)];
  EXPECT_EQ(in[0], 0) << "a start row";
  Numbers sum(columns, 0.0);
  for (std::size_t i = 0; i < test.nodes; ++i)
    for (std::size_t c = 0; c < columns; ++c) {
      const double value = x[i * columns + c];
      EXPECT_EQ(y.host()[i * columns + c], value + (in[i] > 0 ? bias[c] : 0));
      EXPECT_NEAR(mean.host()[i * columns + c], value / std::max(1, in[i]), 1e-15);
      sum[c] += in[i] > 0 ? value : 0;
    }
  expect_close(dbias.host(), sum, rounding<double>(double(test.nodes)), "bias gradient");
}

TEST(Messages, PanelsAreCopiedAddedAndTransposed) {
  constexpr std::size_t rows = 3, width = 7;
  constexpr int columns = 4;
  const Numbers x = random_numbers(rows * width, 16), y = random_numbers(rows * width, 17);
  const Guarded<double> from(x), copied(y), added(y), turned(columns * rows);
  const Panel<double> columns_in = columns_of(from.matrix(rows, width), 2, columns);
  kernels::copy_panel(columns_in, columns_of(copied.matrix(rows, width), 1, columns));
  kernels::copy_panel(columns_in, columns_of(added.matrix(rows, width), 1, columns), true);
  kernels::transpose(columns_in, panel(turned.matrix(columns, rows)));
  Numbers expected = y, expected_sum = y, expected_turned(columns * rows);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t c = 0; c < columns; ++c) {
      const double value = x[i * width + 2 + c];
      expected[i * width + 1 + c] = value;
      expected_sum[i * width + 1 + c] += value;
      expected_turned[c * rows + i] = value;
    }
  EXPECT_EQ(copied.host(), expected) << "and nothing else is written";
  EXPECT_EQ(added.host(), expected_sum);
  EXPECT_EQ(turned.host(), expected_turned);
  EXPECT_EQ(from.host(), x);
}

}  // namespace
