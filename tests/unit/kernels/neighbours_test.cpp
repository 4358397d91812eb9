// Neighbour graphs: against sorting all pairs, both orders of edges, ties, gaps, edge features.
#include "kernels/neighbours.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "support/arrays.hpp"
#include "support/backbones.hpp"
#include "support/bench.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

using Edges = std::set<std::pair<int, int>>;  // (source, target)

template <class T>
struct Case {
  Bench bench;
  Packed<T> packed;
  kernels::NodeGeometry<T> geometry;
  Graph graph;
  std::vector<int> source, target, first_edge, by_source, segment;

  Case(const std::vector<Backbone>& backbones, int neighbours, int tile)
      : packed(pack<T>(bench.inputs, backbones)),
        geometry(kernels::node_geometry(bench.saved, GeometryMode::invariant, packed.coordinates,
                                        packed.offsets)),
        graph(kernels::neighbour_graph(bench.saved, bench.scratch, packed.coordinates,
                                       Vector<const int>(geometry.complete), packed.offsets,
                                       neighbours, tile)),
        source(to_host(graph.source)),
        target(to_host(graph.target)),
        first_edge(to_host(graph.first_edge)),
        by_source(to_host(graph.by_source)),
        segment(to_host(graph.segment)) {}

  Edges edges() const {
    Edges all;
    for (std::size_t e = 0; e < source.size(); ++e) all.insert({source[e], target[e]});
    return all;
  }
};

/// The K nearest complete residues of each complete residue, by sorting all of its protein.
Edges brute_force(const std::vector<Backbone>& backbones, int neighbours) {
  Edges edges;
  int first = 0;
  for (const Backbone& b : backbones) {
    const auto ca = [&](int row) {
      return &b[static_cast<std::size_t>(row) * numbers_per_row + 3];
    };
    for (int i = 0; i < rows_of(b); ++i) {
      std::vector<std::pair<double, int>> candidates;
      for (int j = 0; j < rows_of(b) && std::isfinite(*ca(i)); ++j)
        if (std::isfinite(*ca(j)))
          candidates.push_back(
              {std::hypot(ca(i)[0] - ca(j)[0], ca(i)[1] - ca(j)[1], ca(i)[2] - ca(j)[2]), j});
      std::sort(candidates.begin(), candidates.end());
      for (std::size_t k = 0; k < candidates.size() && k < static_cast<std::size_t>(neighbours);
           ++k)
        edges.insert({first + i, first + candidates[k].second});
    }
    first += rows_of(b);
  }
  return edges;
}

std::vector<Backbone> examples() {
  std::vector<Backbone> backbones = {random_backbone(37, 1), random_backbone(1, 2),
                                     random_backbone(0, 3), random_backbone(5, 4),
                                     random_backbone(64, 5)};
  remove_residue(backbones[0], 1);
  remove_residue(backbones[0], 12);
  remove_residue(backbones[3], 2);
  break_before(backbones[4], 30);
  return backbones;
}

template <class T>
void check(int neighbours, int tile) {
  const std::vector<Backbone> backbones = examples();
  const Case<T> test(backbones, neighbours, tile);
  const Graph& graph = test.graph;
  EXPECT_EQ(test.edges(), brute_force(backbones, neighbours));
  ASSERT_EQ(test.source.size(), static_cast<std::size_t>(graph.edges));
  EXPECT_EQ(test.edges().size(), test.source.size()) << "no edge twice";
  EXPECT_LE(graph.edges, graph.capacity);
  for (int i = 0; i < graph.nodes; ++i)
    for (int e = test.first_edge[static_cast<std::size_t>(i)];
         e < test.first_edge[static_cast<std::size_t>(i) + 1]; ++e) {
      EXPECT_EQ(test.target[static_cast<std::size_t>(e)], i);
    }
  int begin = 0, first_segment = 0;
  for (const Graph::Tile& t : graph.tiles) {
    EXPECT_EQ(t.begin, begin);
    EXPECT_EQ(t.first_segment, first_segment);
    EXPECT_EQ(t.first_target, test.target[static_cast<std::size_t>(t.begin)]);
    EXPECT_EQ(t.last_target, test.target[static_cast<std::size_t>(t.end) - 1]);
    std::vector<int> order(test.by_source.begin() + t.begin, test.by_source.begin() + t.end);
    for (std::size_t k = 1; k < order.size(); ++k) {
      const auto key = [&](int e) {
        return std::pair(test.source[static_cast<std::size_t>(e)], e);
      };
      EXPECT_LT(key(order[k - 1]), key(order[k]));
    }
    std::sort(order.begin(), order.end());
    for (int e = t.begin; e < t.end; ++e)
      EXPECT_EQ(order[static_cast<std::size_t>(e - t.begin)], e);
    std::set<int> sources;
    for (int s = t.first_segment; s < t.end_segment; ++s) {
      const auto from = test.segment[static_cast<std::size_t>(s)];
      const int row =
          test.source[static_cast<std::size_t>(test.by_source[static_cast<std::size_t>(from)])];
      EXPECT_TRUE(sources.insert(row).second) << "one segment a source";
      for (int p = from; p < test.segment[static_cast<std::size_t>(s) + 1]; ++p)
        EXPECT_EQ(
            test.source[static_cast<std::size_t>(test.by_source[static_cast<std::size_t>(p)])],
            row);
    }
    begin = t.end;
    first_segment = t.end_segment;
  }
  EXPECT_EQ(begin, graph.edges);
}

TEST(Neighbours, EqualSortingAllPairs) {
  for (const int neighbours : {1, 4, 30})
    for (const int tile : {1, 7, 512}) {
      check<double>(neighbours, tile);
      check<float>(neighbours, tile);
    }
}

TEST(Neighbours, TiesGoToTheSmallerRow) {
  Backbone line(numbers_per_row, std::numeric_limits<double>::infinity());
  for (int i = 0; i < 5; ++i)  // CA on a line, 4 Angstrom apart
    for (int a = 0; a < 3; ++a) line.insert(line.end(), {4.0 * i, 0.0, a - 1.0});
  line.insert(line.end(), numbers_per_row, std::numeric_limits<double>::infinity());
  const Case<float> test({line}, 2, 512);
  const Edges expected = {{1, 1}, {1, 2}, {2, 1}, {2, 2}, {3, 2},
                          {3, 3}, {4, 3}, {4, 4}, {5, 4}, {5, 5}};
  EXPECT_EQ(test.edges(), expected);
}

TEST(Neighbours, ThreadsShareTheEdgesEvenly) {
  const Case<float> test(examples(), 4, 512);
  const std::span<const int> starts = test.packed.offsets.host;
  int longest_row = 0;
  for (std::size_t i = 0; i + 1 < test.first_edge.size(); ++i)
    longest_row = std::max(longest_row, test.first_edge[i + 1] - test.first_edge[i]);
  for (int threads = 1; threads < 40; ++threads) {
    std::vector<Graph::Share> shares(static_cast<std::size_t>(threads));
    kernels::deal_edges(test.first_edge, test.packed.offsets, shares);
    int begin = 0;
    for (const Graph::Share& share : shares) {
      EXPECT_EQ(share.begin, begin);
      begin = share.end;
      EXPECT_LE(share.end - share.begin, test.graph.edges / threads + 1 + longest_row);
      if (share.begin == share.end) continue;
      const auto target_of = [&](int e) { return test.target[static_cast<std::size_t>(e)]; };
      const int row = target_of(share.begin);
      EXPECT_EQ(test.first_edge[static_cast<std::size_t>(row)], share.begin) << "whole rows";
      const auto next = std::upper_bound(starts.begin(), starts.end(), row);
      const int first = *(next - 1), end = *next;
      const bool begun = test.first_edge[static_cast<std::size_t>(first)] < share.begin;
      EXPECT_EQ(share.end_source - share.first_source, begun ? end - first : 0);
      const int last_edge = test.first_edge[static_cast<std::size_t>(end)];
      EXPECT_EQ(share.shared_end, begun ? std::min(last_edge, share.end) : share.begin);
      if (begun) {
        EXPECT_EQ(share.first_source, first);
      }
    }
    EXPECT_EQ(begin, test.graph.edges);
  }
}

TEST(Neighbours, NoResidueNoEdge) {
  Backbone backbone = random_backbone(3, 9);
  for (int row = 1; row <= 3; ++row) remove_residue(backbone, row);
  const Case<double> test({backbone}, 30, 512);
  EXPECT_EQ(test.graph.edges, 0);
  EXPECT_TRUE(test.graph.tiles.empty());
  for (const Graph::Share& share : test.graph.shares) EXPECT_EQ(share.begin, share.end);
}

TEST(EdgeFeatures, EqualTheFormula) {
  const std::vector<Backbone> backbones = {random_backbone(6, 10)};
  Case<double> test(backbones, 4, 512);
  const auto edges = static_cast<std::size_t>(test.graph.edges);
  const Guarded<double> distances(edges), scalars(edges * 34), vectors(edges * 3);
  kernels::edge_features(test.bench.scratch, test.packed.coordinates, test.graph,
                         distances.vector(), scalars.matrix(edges, 34),
                         Tensor3<double>(vectors.vector().data(), edges, 3, 1));
  std::vector<double> expected_scalars, expected_vectors, expected_distances;
  for (std::size_t e = 0; e < edges; ++e) {
    const int i = test.source[e], j = test.target[e];
    const double* a = &backbones[0][static_cast<std::size_t>(i) * numbers_per_row + 3];
    const double* b = &backbones[0][static_cast<std::size_t>(j) * numbers_per_row + 3];
    double distance = 1e-8;
    for (int k = 0; k < 3; ++k) distance += (a[k] - b[k]) * (a[k] - b[k]);
    distance = std::sqrt(distance);
    expected_distances.push_back(distance);
    for (int k = 0; k < 3; ++k) expected_vectors.push_back((a[k] - b[k]) / distance);
    for (int k = 0; k < 16; ++k)
      expected_scalars.push_back(std::exp(-std::pow((distance - 20.0 * k / 15) / 1.25, 2)));
    for (int k = 0; k < 8; ++k)
      expected_scalars.push_back(std::cos((i - j) * std::pow(10, -k / 2.0)));
    for (int k = 0; k < 8; ++k)
      expected_scalars.push_back(std::sin((i - j) * std::pow(10, -k / 2.0)));
    expected_scalars.insert(expected_scalars.end(), {0, 0});
  }
  constexpr double tolerance = 1e-14;
  expect_close(distances.host(), expected_distances, tolerance, "distances");
  expect_close(vectors.host(), expected_vectors, tolerance, "vectors");
  expect_close(scalars.host(), expected_scalars, tolerance, "scalars");
}

}  // namespace
