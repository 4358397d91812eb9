// Messages along edges.
#include "kernels/messages.hpp"

#include "kernels/columns.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {
namespace {

template <class T>
KOKKOS_FORCEINLINE_FUNCTION T* row_of(const Panel<T>& panel, int i) {
  return panel.data + std::size_t(i) * panel.stride;
}

}  // namespace

template <class T>
void gather_vectors(const Graph& graph, const Graph::Tile& tile, Tensor3<T> from_source,
                    Tensor3<T> from_target, Tensor3<T> edge_vectors, Matrix<T> edge_map,
                    Tensor3<T> out) {
  const int channels = static_cast<int>(out.extent(2));
  const int edge_channels = static_cast<int>(edge_map.extent(0)), begin = tile.begin;
  const Vector<int> source = graph.source, target = graph.target;
  for_rows(
      "gather vectors", tile.size(), KOKKOS_LAMBDA(const Row& row) {
        const int e = row.index, edge = begin + e;
        for (int d = 0; d < 3; ++d) {
          const T *a = &from_source(source(edge), d, 0), *b = &from_target(target(edge), d, 0);
          T* y = &out(e, d, 0);
          const T *map = &edge_map(0, 0), along = edge_vectors(edge, d, 0);
          row.for_each(channels, [&](int c) { y[c] = a[c] + b[c] + along * map[c]; });
          for (int k = 1; k < edge_channels; ++k) {
            const T *more = &edge_map(k, 0), factor = edge_vectors(edge, d, k);
            row.for_each(channels, [&](int c) { y[c] += factor * more[c]; });
          }
        }
      });
}

template <class T>
void gather_scalars_relu(const Graph& graph, const Graph::Tile& tile, Matrix<T> from_source,
                         Matrix<T> from_target, Panel<T> h) {
  const int begin = tile.begin;
  const Vector<int> source = graph.source, target = graph.target;
  for_rows(
      "gather scalars", tile.size(), KOKKOS_LAMBDA(const Row& row) {
        const int e = row.index, edge = begin + e;
        const T *a = &from_source(source(edge), 0), *b = &from_target(target(edge), 0);
        T* y = row_of(h, e);
        row.for_each(h.columns, [&](int c) {
          const T value = y[c] + a[c] + b[c];
          y[c] = value > 0 ? value : T(0);
        });
      });
}

template <class T>
void bias_relu(Vector<T> bias, Panel<T> h) {
  for_rows(
      "bias relu", h.rows, KOKKOS_LAMBDA(const Row& row) {
        T* y = row_of(h, row.index);
        const T* b = bias.data();
        row.for_each(h.columns, [&](int c) {
          const T value = y[c] + b[c];
          y[c] = value > 0 ? value : T(0);
        });
      });
}

template <class T>
void relu_backward_from_targets(const Graph& graph, const Graph::Tile& tile, Panel<T> y,
                                Matrix<T> from_target, Panel<T> dh) {
  const int begin = tile.begin;
  const Vector<int> target = graph.target;
  for_rows(
      "relu backward from targets", tile.size(), KOKKOS_LAMBDA(const Row& row) {
        const int e = row.index;
        const T *value = row_of(y, e), *more = &from_target(target(begin + e), 0);
        T* d = row_of(dh, e);
        row.for_each(dh.columns, [&](int c) {
          const T sum = d[c] + more[c];
          d[c] = value[c] > 0 ? sum : T(0);
        });
      });
}

template <class T>
void relu_backward(Panel<T> y, Panel<T> dh) {
  for_rows(
      "relu backward", dh.rows, KOKKOS_LAMBDA(const Row& row) {
        const T* value = row_of(y, row.index);
        T* d = row_of(dh, row.index);
        row.for_each(dh.columns, [&](int c) { d[c] = value[c] > 0 ? d[c] : T(0); });
      });
}

template <class T>
void gather_vector_gradients(const Graph& graph, const Graph::Tile& tile, Tensor3<T> dvectors,
                             Matrix<T> dscalars, int first, Tensor3<T> v, Panel<T> norms,
                             Tensor3<T> dv) {
  const int begin = tile.begin;
  const Vector<int> target = graph.target;
  for_rows(
      "gather vector gradients", tile.size(), KOKKOS_LAMBDA(const Row& row) {
        const int e = row.index, i = target(begin + e);
        const T *norm = row_of(norms, e), *dnorm = &dscalars(i, first);
        const T *x = &v(e, 0, 0), *y = &v(e, 1, 0), *z = &v(e, 2, 0);
        const T *dx = &dvectors(i, 0, 0), *dy = &dvectors(i, 1, 0), *dz = &dvectors(i, 2, 0);
        T *out_x = &dv(e, 0, 0), *out_y = &dv(e, 1, 0), *out_z = &dv(e, 2, 0);
        row.for_each(norms.columns, [&](int c) {
          const T ratio = dnorm[c] / norm[c];
          out_x[c] = dx[c] + ratio * x[c];
          out_y[c] = dy[c] + ratio * y[c];
          out_z[c] = dz[c] + ratio * z[c];
        });
      });
}

template <class T>
void add_to_targets(const Graph& graph, const Graph::Tile& tile, Panel<T> x, Matrix<T> sums) {
  const int begin = tile.begin, end = tile.end, first = tile.first_target;
  const Vector<int> first_edge = graph.first_edge;
  for_rows(
      "add to targets", tile.last_target - first + 1, KOKKOS_LAMBDA(const Row& row) {
        const int i = first + row.index;
        const int from = first_edge(i) > begin ? first_edge(i) : begin;
        const int to = first_edge(i + 1) < end ? first_edge(i + 1) : end;
        T* sum = &sums(i, 0);
        for (int edge = from; edge < to; ++edge) {
          const T* value = row_of(x, edge - begin);
          row.for_each(x.columns, [&](int c) { sum[c] += value[c]; });
        }
      });
}

template <class T>
void add_to_sources(const Graph& graph, const Graph::Tile& tile, Panel<T> x, Matrix<T> sums) {
  const int begin = tile.begin, first = tile.first_segment;
  const Vector<int> source = graph.source, by_source = graph.by_source, segment = graph.segment;
  for_rows(
      "add to sources", tile.end_segment - first, KOKKOS_LAMBDA(const Row& row) {
        const int from = segment(first + row.index), to = segment(first + row.index + 1);
        T* sum = &sums(source(by_source(from)), 0);
        for (int place = from; place < to; ++place) {
          const T* value = row_of(x, by_source(place) - begin);
          row.for_each(x.columns, [&](int c) { sum[c] += value[c]; });
        }
      });
}

template <class T>
void add_to_sources_in_order(const Graph& graph, const Graph::Tile& tile, Panel<T> x, int first,
                             Matrix<T> sums) {
  for (int edge = tile.begin; edge < tile.end; ++edge) {
    const T* const value = row_of(x, edge - tile.begin);
    T* const sum = &sums(graph.source(edge) - first, 0);
    for (int c = 0; c < x.columns; ++c) sum[c] += value[c];
  }
}

template <class T>
void divide_by_edges_in(const Graph& graph, Matrix<T> x) {
  const int columns = static_cast<int>(x.extent(1));
  const Vector<int> first_edge = graph.first_edge;
  for_rows(
      "divide by edges in", graph.nodes, KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index, edges = first_edge(i + 1) - first_edge(i);
        const T factor = T(1) / T(edges > 1 ? edges : 1);
        row.for_each(columns, [&](int c) { x(i, c) *= factor; });
      });
}

template <class T>
void add_bias_where_edges(const Graph& graph, Vector<T> bias, Matrix<T> y) {
  const int columns = static_cast<int>(y.extent(1));
  const Vector<int> first_edge = graph.first_edge;
  for_rows(
      "add bias where edges", graph.nodes, KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        if (first_edge(i + 1) == first_edge(i)) return;
        row.for_each(columns, [&](int c) { y(i, c) += bias(c); });
      });
}

template <class T>
void add_bias_gradient_where_edges(Workspace& scratch, const Graph& graph, Matrix<T> dy,
                                   Vector<T> dbias) {
  const Vector<int> first_edge = graph.first_edge;
  add_column_sums<T>(
      "bias gradient where edges", scratch, graph.nodes, static_cast<int>(dy.extent(1)), dbias,
      KOKKOS_LAMBDA(int i, int c) { return first_edge(i + 1) > first_edge(i) ? dy(i, c) : T(0); });
}

template <class T>
void add_edge_vector_gradients(const Graph::Tile& tile, Tensor3<T> dv, Matrix<T> edge_map,
                               Tensor3<T> out) {
  const int channels = static_cast<int>(edge_map.extent(1));
  const int edge_channels = static_cast<int>(edge_map.extent(0)), begin = tile.begin;
  for_rows(
      "edge vector gradients", tile.size(), KOKKOS_LAMBDA(const Row& row) {
        for (int d = 0; d < 3; ++d) {
          const T* const from = &dv(row.index, d, 0);
          for (int k = 0; k < edge_channels; ++k) {
            const T* const map = &edge_map(k, 0);
            const T sum = row.template sum<T>(channels, [&](int c) { return from[c] * map[c]; });
            row.once([&]() { out(begin + row.index, d, k) += sum; });
          }
        }
      });
}

template <class T>
void copy_panel(Panel<T> from, Panel<T> to, bool accumulate) {
  for_rows(
      "copy panel", to.rows, KOKKOS_LAMBDA(const Row& row) {
        const T* x = row_of(from, row.index);
        T* y = row_of(to, row.index);
        if (accumulate)
          row.for_each(to.columns, [&](int c) { y[c] += x[c]; });
        else
          row.for_each(to.columns, [&](int c) { y[c] = x[c]; });
      });
}

template <class T>
void transpose(Panel<T> from, Panel<T> to) {
  for_rows(
      "transpose", from.columns, KOKKOS_LAMBDA(const Row& row) {
        const int c = row.index;
        T* const out = row_of(to, c);
        row.for_each(from.rows, [&](int k) { out[k] = row_of(from, k)[c]; });
      });
}

#define JESPR_INSTANTIATE(T)                                                                      \
  template void gather_vectors<T>(const Graph&, const Graph::Tile&, Tensor3<T>, Tensor3<T>,       \
                                  Tensor3<T>, Matrix<T>, Tensor3<T>);                             \
  template void gather_scalars_relu<T>(const Graph&, const Graph::Tile&, Matrix<T>, Matrix<T>,    \
                                       Panel<T>);                                                 \
  template void bias_relu<T>(Vector<T>, Panel<T>);                                                \
  template void relu_backward_from_targets<T>(const Graph&, const Graph::Tile&, Panel<T>,         \
                                              Matrix<T>, Panel<T>);                               \
  template void relu_backward<T>(Panel<T>, Panel<T>);                                             \
  template void gather_vector_gradients<T>(const Graph&, const Graph::Tile&, Tensor3<T>,          \
                                           Matrix<T>, int, Tensor3<T>, Panel<T>, Tensor3<T>);     \
  template void add_to_targets<T>(const Graph&, const Graph::Tile&, Panel<T>, Matrix<T>);         \
  template void add_to_sources<T>(const Graph&, const Graph::Tile&, Panel<T>, Matrix<T>);         \
  template void add_to_sources_in_order<T>(const Graph&, const Graph::Tile&, Panel<T>, int,       \
                                           Matrix<T>);                                            \
  template void add_edge_vector_gradients<T>(const Graph::Tile&, Tensor3<T>, Matrix<T>,           \
                                             Tensor3<T>);                                         \
  template void divide_by_edges_in<T>(const Graph&, Matrix<T>);                                   \
  template void add_bias_where_edges<T>(const Graph&, Vector<T>, Matrix<T>);                      \
  template void add_bias_gradient_where_edges<T>(Workspace&, const Graph&, Matrix<T>, Vector<T>); \
  template void copy_panel<T>(Panel<T>, Panel<T>, bool);                                          \
  template void transpose<T>(Panel<T>, Panel<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
