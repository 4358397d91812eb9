// Neighbours: selection, both sort orders, edge features.
#include "kernels/neighbours.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/math.hpp"
#include "kernels/point.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {
namespace {

template <class T>
KOKKOS_FUNCTION Point ca_of(const Tensor3<const T>& coordinates, int row) {
  return {double(coordinates(row, 1, 0)), double(coordinates(row, 1, 1)),
          double(coordinates(row, 1, 2))};
}

/// Squared distance, then row: what neighbours are sorted by.
struct Rank {
  double distance2;
  int row;

  KOKKOS_FUNCTION bool operator<(const Rank& other) const {
    return distance2 < other.distance2 || (distance2 == other.distance2 && row < other.row);
  }
};

template <class T>
KOKKOS_FUNCTION Rank rank_of(const Tensor3<const T>& coordinates, int centre, int row) {
  const Point step = ca_of(coordinates, centre) - ca_of(coordinates, row);
  return {dot(step, step), row};
}

/// The rank of the last neighbour of each row; beyond all where there are fewer than K.
template <class T>
void last_neighbours(Workspace& scratch, Tensor3<const T> coordinates, Vector<const int> complete,
                     const Offsets& offsets, int neighbours, Vector<Rank> last) {
  Scope scope(scratch);
  const Matrix<Rank> nearest =
      scratch.matrix<Rank>(coordinates.extent(0), static_cast<std::size_t>(neighbours));
  const auto starts = offsets.starts;
  const auto protein = offsets.protein;
  for_each(
      "last neighbours", coordinates.extent(0), KOKKOS_LAMBDA(const std::size_t row) {
        const int i = static_cast<int>(row), b = protein(i);
        int found = 0;
        for (int j = starts(b); complete(i) && j < starts(b + 1); ++j) {
          if (!complete(j)) continue;
          const Rank rank = rank_of(coordinates, i, j);
          if (found == neighbours && !(rank < nearest(i, neighbours - 1))) continue;
          int place = found < neighbours ? found++ : neighbours - 1;  // insertion sort
          for (; place > 0 && rank < nearest(i, place - 1); --place)
            nearest(i, place) = nearest(i, place - 1);
          nearest(i, place) = rank;
        }
        last(i) = found == neighbours ? nearest(i, neighbours - 1)
                                      : Rank{Kokkos::Experimental::infinity_v<double>, 0};
      });
}

/// sums[i] = sum of counts[0 .. i), i <= n.
void exclusive_sums(Vector<const int> counts, Vector<int> sums) {
  const int n = static_cast<int>(counts.extent(0));
  Kokkos::parallel_scan(
      loop_name("exclusive sums"), range_of<Device>(static_cast<std::size_t>(n) + 1),
      KOKKOS_LAMBDA(const int i, int& sum, const bool is_final) {
        if (is_final) sums(i) = sum;
        if (i < n) sum += counts(i);
      });
}

/// by_source and segment of the graph: within a tile an edge's place is the number of edges that
/// precede it in the order by source. Returns where each tile's segments begin [tiles + 1], in
/// scratch memory.
std::span<const int> order_by_source(Workspace& scratch, Graph& graph, int tile) {
  const int edges = graph.edges;
  const Vector<int> source = graph.source, by_source = graph.by_source, segment = graph.segment;
  for_each(
      "order by source", static_cast<std::size_t>(edges), KOKKOS_LAMBDA(const std::size_t edge) {
        const int e = static_cast<int>(edge), begin = e / tile * tile;
        const int end = begin + tile < edges ? begin + tile : edges;
        int place = begin;
        for (int other = begin; other < end; ++other)
          place += source(other) < source(e) || (source(other) == source(e) && other < e);
        by_source(place) = e;
      });
  const Vector<int> begins = scratch.vector<int>(static_cast<std::size_t>(edges));
  const Vector<int> number = scratch.vector<int>(static_cast<std::size_t>(edges) + 1);
  for_each(
      "find segments", static_cast<std::size_t>(edges), KOKKOS_LAMBDA(const std::size_t place) {
        const int p = static_cast<int>(place);
        begins(p) = p % tile == 0 || source(by_source(p)) != source(by_source(p - 1));
      });
  exclusive_sums(begins, number);
  for_each(
      "list segments", static_cast<std::size_t>(edges) + 1, KOKKOS_LAMBDA(const std::size_t place) {
        const int p = static_cast<int>(place);
        if (p == edges || begins(p)) segment(number(p)) = p;
      });
  const int tiles = (edges + tile - 1) / tile;
  const Vector<int> first = scratch.vector<int>(static_cast<std::size_t>(tiles) + 1);
  for_each(
      "first segments", first.extent(0), KOKKOS_LAMBDA(const std::size_t t) {
        const int p = static_cast<int>(t) * tile;
        first(t) = number(p < edges ? p : edges);
      });
  return scratch.download(first);
}

}  // namespace

void deal_edges(std::span<const int> first_edge, const Offsets& offsets,
                std::span<Graph::Share> shares) {
  const auto edge_of = [&](int row) { return first_edge[static_cast<std::size_t>(row)]; };
  const auto start_of = [&](int b) { return offsets.host[static_cast<std::size_t>(b)]; };
  const auto edges = static_cast<std::size_t>(first_edge.back());
  int row = 0, protein = 0;
  for (std::size_t t = 0; t < shares.size(); ++t) {
    const int begin = edge_of(row);
    while (edge_of(row) < static_cast<int>(edges * (t + 1) / shares.size())) ++row;
    const int end = edge_of(row);
    shares[t] = {begin, end, begin, 0, 0};
    if (begin == end) continue;
    while (edge_of(start_of(protein + 1)) <= begin) ++protein;
    const int first = start_of(protein), last = start_of(protein + 1);
    if (edge_of(first) < begin) shares[t] = {begin, end, std::min(edge_of(last), end), first, last};
  }
}

template <class T>
Graph neighbour_graph(Workspace& workspace, Workspace& scratch, Tensor3<const T> coordinates,
                      Vector<const int> complete, const Offsets& offsets, int neighbours,
                      int tile) {
  const std::size_t n = coordinates.extent(0);
  const std::size_t most = n * static_cast<std::size_t>(neighbours);
  Graph graph;
  graph.nodes = static_cast<int>(n);
  graph.capacity = static_cast<int>(most);
  graph.source = workspace.vector<int>(most);
  graph.target = workspace.vector<int>(most);
  graph.first_edge = workspace.vector<int>(n + 1);
  graph.by_source = workspace.vector<int>(most);
  graph.segment = workspace.vector<int>(most + 1);

  Scope scope(scratch);
  const Vector<Rank> last = scratch.vector<Rank>(n);
  last_neighbours(scratch, coordinates, complete, offsets, neighbours, last);

  const Vector<int> count = scratch.vector<int>(n);
  const Vector<int> first_edge = graph.first_edge, source = graph.source, target = graph.target;
  const auto starts = offsets.starts;
  const auto protein = offsets.protein;
  for_each(
      "count edges", n, KOKKOS_LAMBDA(const std::size_t row) {
        const int j = static_cast<int>(row), b = protein(j);
        int edges = 0;
        for (int i = starts(b); complete(j) && i < starts(b + 1); ++i)
          edges += complete(i) && !(last(i) < rank_of(coordinates, i, j));
        count(j) = edges;
      });
  exclusive_sums(count, first_edge);
  for_each(
      "list edges", n, KOKKOS_LAMBDA(const std::size_t row) {
        const int j = static_cast<int>(row), b = protein(j);
        int e = first_edge(j);
        for (int i = starts(b); complete(j) && i < starts(b + 1); ++i)
          if (complete(i) && !(last(i) < rank_of(coordinates, i, j))) {
            source(e) = i;
            target(e++) = j;
          }
      });

  const std::span<const int> first = scratch.download(first_edge);
  graph.edges = first.back();
  const auto edges = static_cast<std::size_t>(graph.edges);
  graph.source = Vector<int>(source.data(), edges);
  graph.target = Vector<int>(target.data(), edges);
  graph.by_source = Vector<int>(graph.by_source.data(), edges);
  const std::span<const int> first_segment = order_by_source(scratch, graph, tile);
  const auto target_of = [&](int e) {
    return static_cast<int>(std::upper_bound(first.begin(), first.end(), e) - first.begin()) - 1;
  };
  const auto tiles_of = [size = static_cast<std::size_t>(tile)](std::size_t edge_count) {
    return (edge_count + size - 1) / size;
  };
  const std::span<Graph::Tile> tiles =
      workspace.host_array<Graph::Tile>(tiles_of(most)).first(tiles_of(edges));
  for (std::size_t t = 0; t < tiles.size(); ++t) {
    const int begin = static_cast<int>(t) * tile, end = std::min(begin + tile, graph.edges);
    tiles[t] = {
        begin, end, target_of(begin), target_of(end - 1), first_segment[t], first_segment[t + 1]};
  }
  graph.tiles = tiles;
  if constexpr (device_is_host) {
    const std::span<Graph::Share> shares = workspace.host_array<Graph::Share>(
        static_cast<std::size_t>(handle_of<Device>().concurrency()));
    deal_edges(first, offsets, shares);
    graph.shares = shares;
  }
  return graph;
}

namespace {

constexpr int waves = 8;

/// Cosines, then sines of d / 10000^(k / 8), k < 8, for d < rows: far fewer than there are edges.
template <class T>
void fill_waves(Matrix<T> table) {
  constexpr double longest_wave = 10000.0;
  Kokkos::Array<double, waves> wave;
  for (int k = 0; k < waves; ++k) wave[k] = std::pow(longest_wave, -double(k) / waves);
  for_each(
      "edge waves", table.extent(0), KOKKOS_LAMBDA(const std::size_t row) {
        const int d = static_cast<int>(row);
        for (int k = 0; k < waves; ++k) {
          table(d, k) = static_cast<T>(Kokkos::cos(d * wave[k]));
          table(d, waves + k) = static_cast<T>(Kokkos::sin(d * wave[k]));
        }
      });
}

}  // namespace

template <class T>
void edge_features(Workspace& scratch, Tensor3<const T> coordinates, const Graph& graph,
                   Vector<T> distances, Matrix<T> scalars, Tensor3<T> vectors) {
  constexpr double farthest = 20.0;  // Angstrom
  constexpr double spacing = farthest / (radial_functions - 1);
  constexpr double inverse_width = radial_functions / farthest;
  Scope scope(scratch);
  const Matrix<T> table = scratch.matrix<T>(coordinates.extent(0), 2 * waves);
  fill_waves(table);
  const Vector<int> source = graph.source, target = graph.target;
  for_each(
      "edge features", static_cast<std::size_t>(graph.edges),
      KOKKOS_LAMBDA(const std::size_t edge) {
        const int e = static_cast<int>(edge), i = source(e), j = target(e);
        const Point step = ca_of(coordinates, i) - ca_of(coordinates, j);
        const double distance = soft_length(step);
        distances(e) = static_cast<T>(distance);
        for (int k = 0; k < radial_functions; ++k) {
          const T z = static_cast<T>((distance - k * spacing) * inverse_width);
          scalars(e, k) = exponential_of_negative(-z * z);
        }
        const int apart = i > j ? i - j : j - i;
        for (int k = 0; k < waves; ++k) {
          const T sine = table(apart, waves + k);
          scalars(e, radial_functions + k) = table(apart, k);
          scalars(e, radial_functions + waves + k) = i > j ? sine : -sine;
        }
        scalars(e, edge_scalar_features - 2) = T(0);
        scalars(e, edge_scalar_features - 1) = T(0);
        const Point unit = (1.0 / distance) * step;
        vectors(e, 0, 0) = static_cast<T>(unit.x);
        vectors(e, 1, 0) = static_cast<T>(unit.y);
        vectors(e, 2, 0) = static_cast<T>(unit.z);
      });
}

#define JESPR_INSTANTIATE(T)                                                                       \
  template Graph neighbour_graph<T>(Workspace&, Workspace&, Tensor3<const T>, Vector<const int>,   \
                                    const Offsets&, int, int);                                     \
  template void edge_features<T>(Workspace&, Tensor3<const T>, const Graph&, Vector<T>, Matrix<T>, \
                                 Tensor3<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
