// Weighted sums over layers.
#include "kernels/layer_mix.hpp"

#include "tensor/loops.hpp"

namespace jespr::kernels {

template <class T>
void softmax_of_layers(Vector<T> w, Vector<T> a) {
  const int n = static_cast<int>(w.size());
  for_rows(
      "softmax of layers", 1, KOKKOS_LAMBDA(const Row& row) {
        const T largest = row.max<T>(n, [&](int j) { return w(j); });
        const T sum = row.sum<T>(n, [&](int j) { return Kokkos::exp(w(j) - largest); });
        row.for_each(n, [&](int j) { a(j) = Kokkos::exp(w(j) - largest) / sum; });
      });
}

template <class T>
void softmax_of_layers_backward(Vector<T> a, Vector<T> da, Vector<T> dw) {
  const int n = static_cast<int>(a.size());
  for_rows(
      "softmax of layers backward", 1, KOKKOS_LAMBDA(const Row& row) {
        const T mean = row.sum<T>(n, [&](int j) { return a(j) * da(j); });
        row.for_each(n, [&](int j) { dw(j) += a(j) * (da(j) - mean); });
      });
}

template <class T>
void add_layer(Vector<T> a, int j, Matrix<T> x, Matrix<T> y, bool accumulate) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "add layer", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const T weight = a(j);
        if (accumulate)
          row.for_each(columns, [&](int c) { y(i, c) += weight * x(i, c); });
        else
          row.for_each(columns, [&](int c) { y(i, c) = weight * x(i, c); });
      });
}

template <class T>
void layer_weight_gradient(Workspace& scratch, Matrix<T> x, Matrix<T> dy, int j, Vector<T> da) {
  const int rows = static_cast<int>(x.extent(0)), columns = static_cast<int>(x.extent(1));
  Scope scope(scratch);
  const Vector<T> of_row = scratch.vector<T>(x.extent(0));
  for_rows(
      "layer weight gradient of rows", rows, KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const T value = row.sum<T>(columns, [&](int c) { return dy(i, c) * x(i, c); });
        row.once([&]() { of_row(i) = value; });
      });
  for_rows(
      "layer weight gradient", 1, KOKKOS_LAMBDA(const Row& row) {
        const T value = row.sum<T>(rows, [&](int i) { return of_row(i); });
        row.once([&]() { da(j) = value; });
      });
}

#define JESPR_INSTANTIATE(T)                                                    \
  template void softmax_of_layers<T>(Vector<T>, Vector<T>);                     \
  template void softmax_of_layers_backward<T>(Vector<T>, Vector<T>, Vector<T>); \
  template void add_layer<T>(Vector<T>, int, Matrix<T>, Matrix<T>, bool);       \
  template void layer_weight_gradient<T>(Workspace&, Matrix<T>, Matrix<T>, int, Vector<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
