// Tiles of pairs.
#include "kernels/pairwise.hpp"

#include "kernels/math.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {

template <class T>
void sigmoid_tile(Matrix<T> s, int row0, int column0, T bias, T factor, Vector<T> losses,
                  Vector<T> dscale, Vector<T> dbias, const Partners& partners) {
  const int columns = static_cast<int>(s.extent(1));
  for_rows(
      "sigmoid loss of a tile", static_cast<int>(s.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const int own = partners.first_column(row0 + i) - column0;  // may lie outside the tile
        const int own_end = own + partners.columns;
        const auto sign = [&](int j) { return j >= own && j < own_end ? T(1) : T(-1); };
        const auto against = [&](int j) { return -sign(j) * (s(i, j) + bias); };
        const auto gradient = [&](int j) { return -factor * sign(j) * sigmoid(against(j)); };
        const T loss = row.sum<T>(columns, [&](int j) {
          const T x = against(j);
          return (x > T(0) ? x : T(0)) + Kokkos::log1p(exponential_of_negative(x > T(0) ? -x : x));
        });
        const T along = row.sum<T>(columns, [&](int j) { return gradient(j) * s(i, j); });
        const T total = row.sum<T>(columns, gradient);
        row.for_each(columns, [&](int j) { s(i, j) = gradient(j); });
        row.once([&]() {
          losses(i) += loss;
          dscale(i) += along;
          dbias(i) += total;
        });
      });
}

template <class T>
void row_squares(Matrix<T> x, Vector<T> squares) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "squares of rows", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const T sum = row.sum<T>(columns, [&](int c) { return x(i, c) * x(i, c); });
        row.once([&]() { squares(i) = sum; });
      });
}

template <class T>
void nearness_tile(Matrix<T> s, Vector<T> column_squares) {
  const int columns = static_cast<int>(s.extent(1));
  for_rows(
      "nearness of a tile", static_cast<int>(s.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        row.for_each(columns, [&](int j) { s(i, j) -= column_squares(j) / T(2); });
      });
}

template <class T>
void gaussian_tile(Matrix<T> s, int row0, int column0, Vector<T> row_squares,
                   Vector<T> column_squares, T sharpness, Vector<T> sums) {
  const int columns = static_cast<int>(s.extent(1));
  for_rows(
      "gaussians of a tile", static_cast<int>(s.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const int own = row0 + i - column0;
        row.for_each(columns, [&](int j) {
          const T square = row_squares(i) + column_squares(j) - T(2) * s(i, j);
          // Rounding may leave equal points less than nothing apart.
          const T w = exponential_of_negative(square > T(0) ? -sharpness * square : T(0));
          s(i, j) = j == own ? T(0) : w;
        });
        const T sum = row.sum<T>(columns, [&](int j) { return s(i, j); });
        row.once([&]() { sums(i) += sum; });
      });
}

template <class T>
void add_repulsion(Matrix<T> x, Vector<T> sums, Matrix<T> pulls, T factor, Matrix<T> drows) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "repulsion", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        row.for_each(columns,
                     [&](int c) { drows(i, c) += factor * (sums(i) * x(i, c) - pulls(i, c)); });
      });
}

template <class T>
void pull_partners(Matrix<T> x, Matrix<T> y, T factor, Matrix<T> dx, Matrix<T> dy,
                   Vector<double> squares) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "partners", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const double square = row.sum<double>(columns, [&](int c) {
          const double difference = static_cast<double>(x(i, c)) - static_cast<double>(y(i, c));
          return difference * difference;
        });
        row.for_each(columns, [&](int c) {
          const T pull = factor * (x(i, c) - y(i, c));
          dx(i, c) = pull;
          dy(i, c) = -pull;
        });
        row.once([&]() { squares(i) = square; });
      });
}

#define JESPR_INSTANTIATE(T)                                                                \
  template void sigmoid_tile<T>(Matrix<T>, int, int, T, T, Vector<T>, Vector<T>, Vector<T>, \
                                const Partners&);                                           \
  template void row_squares<T>(Matrix<T>, Vector<T>);                                       \
  template void nearness_tile<T>(Matrix<T>, Vector<T>);                                     \
  template void gaussian_tile<T>(Matrix<T>, int, int, Vector<T>, Vector<T>, T, Vector<T>);  \
  template void add_repulsion<T>(Matrix<T>, Vector<T>, Matrix<T>, T, Matrix<T>);            \
  template void pull_partners<T>(Matrix<T>, Matrix<T>, T, Matrix<T>, Matrix<T>, Vector<double>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
