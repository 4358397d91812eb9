// Neighbours: the graph of each protein. Row i sends to its nearest complete residues; edges lie
// sorted by target, and within tiles of a fixed number of edges there is an order by source, so
// that sums over either end are segmented sums: no atomics, and bits that repeat.
#pragma once

#include <span>

#include "kernels/geometry.hpp"

namespace jespr {

/// Edges of a tile: those that message layers work on at one time. Enough to feed the matrix
/// products, few enough to stay in cache.
inline constexpr int edges_per_tile = device_is_host ? 1024 : 16384;

/// Edges that one thread of a CPU takes through all loops at a time: rows enough for its products
/// with weights, few enough for its own cache.
inline constexpr int edges_of_thread = 96;

/// Directed edges source -> target, sorted by target, then source (Hsu et al. 2022: the centre of
/// a neighbourhood sends to its neighbours).
struct Graph {
  int nodes = 0;
  int edges = 0;
  int capacity = 0;            // nodes * K: arrays over edges are taken this long, so that memory
                               // depends on the number of rows alone
  Vector<int> source, target;  // [E] rows
  Vector<int> first_edge;      // [N + 1] edges into row i are [first_edge(i), first_edge(i + 1))
  Vector<int> by_source;       // [E] the edges of each tile, sorted by source, then edge
  Vector<int> segment;         // [segments + 1] where in by_source runs of one source begin

  struct Tile {
    int begin, end;                  // edges
    int first_target, last_target;   // rows, both inclusive
    int first_segment, end_segment;  // segments
    int size() const { return end - begin; }
  };
  std::span<const Tile> tiles;

  /// What one thread of a CPU works on where it takes edges through all loops by itself: the edges
  /// into consecutive rows, as many as others have. Only at its begin can a protein be one that an
  /// earlier share also has: up to `shared_end`, other threads add to the same sources
  /// [first_source, end_source).
  struct Share {
    int begin, end, shared_end;    // edges
    int first_source, end_source;  // rows
  };
  std::span<const Share> shares;  // by thread, only on CPUs
};

namespace kernels {

/// The graph of all proteins of a shard, in memory of `workspace`. i -> j for the `neighbours`
/// complete residues j of the same protein nearest to i by CA distance, i itself included; ties go
/// to the smaller row. Residues that are not complete have no edges. Needs the number of edges on
/// the host: synchronises once.
template <class T>
Graph neighbour_graph(Workspace& workspace, Workspace& scratch, Tensor3<const T> coordinates,
                      Vector<const int> complete, const Offsets& offsets, int neighbours,
                      int tile = edges_per_tile);

/// The edges dealt to threads, evenly but for whole rows: one share each. first_edge [N + 1] as in
/// Graph.
void deal_edges(std::span<const int> first_edge, const Offsets& offsets,
                std::span<Graph::Share> shares);

inline constexpr int edge_scalar_features = 34;  // 16 radial, 16 positional, 2 always zero
inline constexpr int edge_vector_features = 1;

/// scalars [E, 34]: radial basis of the distance d (0 to 20 Angstrom); cos, then sin of
/// (row of source - row of target) * 10000^(-k/8), k < 8; two flags "end has no coordinates", 0 for
/// every edge that exists. vectors [E, 3, 1]: unit(CA_source - CA_target), softened.
/// distances [E]: sqrt(|CA_source - CA_target|^2 + 1e-8).
template <class T>
void edge_features(Workspace& scratch, Tensor3<const T> coordinates, const Graph& graph,
                   Vector<T> distances, Matrix<T> scalars, Tensor3<T> vectors);

}  // namespace kernels
}  // namespace jespr
