// Layer norm.
#include "kernels/layer_norm.hpp"

#include "kernels/columns.hpp"

namespace jespr::kernels {

template <class T>
void layer_norm(Matrix<T> x, Vector<T> gain, Vector<T> bias, T eps, Matrix<T> y, Vector<T> mean,
                Vector<T> rstd) {
  for_rows(
      "layer norm", static_cast<int>(x.extent(0)),
      KOKKOS_LAMBDA(const Row& row) { detail::norm_row(row, x, gain, bias, eps, y, mean, rstd); });
}

template <class T>
void layer_norm_backward(Matrix<T> dy, Matrix<T> x, Vector<T> mean, Vector<T> rstd, Vector<T> gain,
                         Matrix<T> dx, bool accumulate) {
  const int columns = static_cast<int>(x.extent(1));
  const T keep = accumulate ? T(1) : T(0);
  for_rows(
      "layer norm backward", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const T centre = mean(i), inverse = rstd(i);
        const T mean_g = static_cast<T>(
            row.sum<double>(columns, [&](int c) { return gain(c) * dy(i, c); }) / columns);
        const T mean_gx = static_cast<T>(row.sum<double>(columns, [&](int c) {
          return gain(c) * dy(i, c) * (x(i, c) - centre) * inverse;
        }) / columns);
        row.for_each(columns, [&](int c) {
          const T normed = (x(i, c) - centre) * inverse;
          const T value = inverse * (gain(c) * dy(i, c) - mean_g - normed * mean_gx);
          dx(i, c) = keep != 0 ? dx(i, c) + value : value;
        });
      });
}

template <class T>
void layer_norm_parameter_gradients(Workspace& scratch, Matrix<T> dy, Matrix<T> x, Vector<T> mean,
                                    Vector<T> rstd, Vector<T> dgain, Vector<T> dbias) {
  const int n = static_cast<int>(x.extent(0)), columns = static_cast<int>(x.extent(1));
  add_column_sums<T, 2>(
      "layer norm parameters", scratch, n, columns, {{dgain, dbias}}, KOKKOS_LAMBDA(int i, int c) {
        return Kokkos::Array<T, 2>{{dy(i, c) * ((x(i, c) - mean(i)) * rstd(i)), dy(i, c)}};
      });
}

#define JESPR_INSTANTIATE(T)                                                                   \
  template void layer_norm<T>(Matrix<T>, Vector<T>, Vector<T>, T, Matrix<T>, Vector<T>,        \
                              Vector<T>);                                                      \
  template void layer_norm_backward<T>(Matrix<T>, Matrix<T>, Vector<T>, Vector<T>, Vector<T>,  \
                                       Matrix<T>, bool);                                       \
  template void layer_norm_parameter_gradients<T>(Workspace&, Matrix<T>, Matrix<T>, Vector<T>, \
                                                  Vector<T>, Vector<T>, Vector<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
