// A small graph for the tests of messages.
#pragma once

#include "kernels/messages.hpp"
#include "support/arrays.hpp"
#include "support/backbones.hpp"
#include "support/bench.hpp"

namespace jespr::test {

/// A graph whose tiles of 13 edges cut through the edges of rows; some rows have no edges.
struct ExampleGraph {
  Bench bench;
  Graph graph;
  std::vector<int> source, target;
  std::size_t nodes, edges;

  ExampleGraph() {
    std::vector<Backbone> backbones = {random_backbone(20, 1), random_backbone(1, 2),
                                       random_backbone(9, 3)};
    remove_residue(backbones[0], 5);
    const Packed<double> packed = pack<double>(bench.inputs, backbones);
    const auto geometry = kernels::node_geometry(bench.saved, GeometryMode::invariant,
                                                 packed.coordinates, packed.offsets);
    constexpr int neighbours = 6, tile = 13;
    graph = kernels::neighbour_graph(bench.saved, bench.scratch, packed.coordinates,
                                     Vector<const int>(geometry.complete), packed.offsets,
                                     neighbours, tile);
    source = to_host(graph.source);
    target = to_host(graph.target);
    nodes = static_cast<std::size_t>(graph.nodes);
    edges = static_cast<std::size_t>(graph.edges);
  }
};

/// Rows [begin, end) of numbers with `columns` columns.
inline std::vector<double> part(const std::vector<double>& x, int begin, int end,
                                std::size_t columns) {
  return std::vector<double>(x.begin() + begin * static_cast<std::ptrdiff_t>(columns),
                             x.begin() + end * static_cast<std::ptrdiff_t>(columns));
}

}  // namespace jespr::test
