// Messages along the edges of a graph, one tile of edges at a time: gathers from the ends of an
// edge, and segmented sums over the edges of a row. Arrays over a tile count edges from the tile's
// first. Sums go edge by edge in the tile's order and tile after tile: their bits repeat.
#pragma once

#include "kernels/neighbours.hpp"
#include "tensor/matmul.hpp"

namespace jespr::kernels {

/// out[e, d, c] = from_source[source, d, c] + from_target[target, d, c]
///              + sum_k edge_vectors[edge, d, k] edge_map[k, c].
/// from_* [N, 3, K], edge_vectors [E, 3, U_e], edge_map [U_e, K], out [tile, 3, K].
template <class T>
void gather_vectors(const Graph& graph, const Graph::Tile& tile, Tensor3<T> from_source,
                    Tensor3<T> from_target, Tensor3<T> edge_vectors, Matrix<T> edge_map,
                    Tensor3<T> out);

/// h[e, c] = relu(h[e, c] + from_source[source, c] + from_target[target, c]). from_* [N, S].
template <class T>
void gather_scalars_relu(const Graph& graph, const Graph::Tile& tile, Matrix<T> from_source,
                         Matrix<T> from_target, Panel<T> h);

/// h[e, c] = relu(h[e, c] + bias[c]).
template <class T>
void bias_relu(Vector<T> bias, Panel<T> h);

/// dh[e, c] = (dh[e, c] + from_target[target, c]) where y[e, c] > 0, else 0: through the relu, with
/// the gradient that the mean over neighbours hands to each of its edges. from_target [N, >= S].
template <class T>
void relu_backward_from_targets(const Graph& graph, const Graph::Tile& tile, Panel<T> y,
                                Matrix<T> from_target, Panel<T> dh);

/// dh[e, c] = 0 where y[e, c] <= 0.
template <class T>
void relu_backward(Panel<T> y, Panel<T> dh);

/// dv[e, d, c] = dvectors[target, d, c] + dscalars[target, first + c] v[e, d, c] / norms[e, c].
/// dvectors [N, 3, U], dscalars [N, first + U], v and dv [tile, 3, U].
template <class T>
void gather_vector_gradients(const Graph& graph, const Graph::Tile& tile, Tensor3<T> dvectors,
                             Matrix<T> dscalars, int first, Tensor3<T> v, Panel<T> norms,
                             Tensor3<T> dv);

/// sums[target, c] += sum over the tile's edges into it of x[e, c]. x [tile, C], sums [N, C].
template <class T>
void add_to_targets(const Graph& graph, const Graph::Tile& tile, Panel<T> x, Matrix<T> sums);
/// sums[source, c] += sum over the tile's edges out of it of x[e, c].
template <class T>
void add_to_sources(const Graph& graph, const Graph::Tile& tile, Panel<T> x, Matrix<T> sums);

/// The same by one thread: sums[source - first, c] += x[e, c], the same bits.
template <class T>
void add_to_sources_in_order(const Graph& graph, const Graph::Tile& tile, Panel<T> x, int first,
                             Matrix<T> sums);

/// x[i, :] /= max(1, edges into i).
template <class T>
void divide_by_edges_in(const Graph& graph, Matrix<T> x);

/// y[i, c] += bias[c] for rows with edges into them.
template <class T>
void add_bias_where_edges(const Graph& graph, Vector<T> bias, Matrix<T> y);
/// dbias[c] += sum of dy[i, c] over rows with edges into them.
template <class T>
void add_bias_gradient_where_edges(Workspace& scratch, const Graph& graph, Matrix<T> dy,
                                   Vector<T> dbias);

/// out[edge, d, k] += sum_c dv[e, d, c] edge_map[k, c]: what `gather_vectors` hands back to the
/// edges, summed in f64. dv [tile, 3, K], edge_map [U_e, K], out [E, 3, U_e].
template <class T>
void add_edge_vector_gradients(const Graph::Tile& tile, Tensor3<T> dv, Matrix<T> edge_map,
                               Tensor3<T> out);

/// to[i, c] = from[i, c], or with `accumulate` to[i, c] += from[i, c].
template <class T>
void copy_panel(Panel<T> from, Panel<T> to, bool accumulate = false);

/// to[c, k] = from[k, c].
template <class T>
void transpose(Panel<T> from, Panel<T> to);

}  // namespace jespr::kernels
