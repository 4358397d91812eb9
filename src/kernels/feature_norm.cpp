// The norm of the dihedral embedding.
#include "kernels/feature_norm.hpp"

#include "kernels/columns.hpp"

namespace jespr::kernels {

template <class T>
void feature_norm(Matrix<T> x, Vector<T> gain, Vector<T> bias, Matrix<T> y, Vector<T> mean,
                  Vector<T> sigma) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "feature norm", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        constexpr T eps = T(feature_norm_eps);
        const int i = row.index;
        const T centre = row.template sum<T>(columns, [&](int c) { return x(i, c); }) / T(columns);
        const T variance = row.template sum<T>(columns, [&](int c) {
          const T z = x(i, c) - centre;
          return z * z;
        }) / T(columns - 1);
        const T deviation = Kokkos::sqrt(variance + eps);
        const T inverse = T(1) / (deviation + eps);
        row.for_each(columns,
                     [&](int c) { y(i, c) = gain(c) * ((x(i, c) - centre) * inverse) + bias(c); });
        row.once([&]() {
          mean(i) = centre;
          sigma(i) = deviation;
        });
      });
}

template <class T>
void feature_norm_backward(Matrix<T> dy, Matrix<T> x, Vector<T> mean, Vector<T> sigma,
                           Vector<T> gain, Matrix<T> dx) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "feature norm backward", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const T centre = mean(i), inverse = T(1) / (sigma(i) + T(feature_norm_eps));
        const T mean_g =
            row.template sum<T>(columns, [&](int c) { return gain(c) * dy(i, c); }) / T(columns);
        const T along = row.template sum<T>(
            columns, [&](int c) { return gain(c) * dy(i, c) * (x(i, c) - centre); });
        const T common = along * inverse * inverse / (sigma(i) * T(columns - 1));
        row.for_each(columns, [&](int c) {
          dx(i, c) = inverse * (gain(c) * dy(i, c) - mean_g) - common * (x(i, c) - centre);
        });
      });
}

template <class T>
void feature_norm_parameter_gradients(Workspace& scratch, Matrix<T> dy, Matrix<T> x, Vector<T> mean,
                                      Vector<T> sigma, Vector<T> dgain, Vector<T> dbias) {
  add_column_sums<T>(
      "feature norm gain gradient", scratch, static_cast<int>(x.extent(0)),
      static_cast<int>(x.extent(1)), dgain, KOKKOS_LAMBDA(int i, int c) {
        return dy(i, c) * (x(i, c) - mean(i)) / (sigma(i) + T(feature_norm_eps));
      });
  add_column_sums<T>(scratch, dy, dbias);
}

#define JESPR_INSTANTIATE(T)                                                                       \
  template void feature_norm<T>(Matrix<T>, Vector<T>, Vector<T>, Matrix<T>, Vector<T>, Vector<T>); \
  template void feature_norm_backward<T>(Matrix<T>, Matrix<T>, Vector<T>, Vector<T>, Vector<T>,    \
                                         Matrix<T>);                                               \
  template void feature_norm_parameter_gradients<T>(Workspace&, Matrix<T>, Matrix<T>, Vector<T>,   \
                                                    Vector<T>, Vector<T>, Vector<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
