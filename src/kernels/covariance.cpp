// Columns of a batch.
#include "kernels/covariance.hpp"

#include "tensor/loops.hpp"

namespace jespr::kernels {

template <class T>
void centre_columns(Matrix<T> x) {
  const int rows = static_cast<int>(x.extent(0));
  for_each(
      "centre columns", x.extent(1), KOKKOS_LAMBDA(const std::size_t c) {
        double sum = 0;
        for (int i = 0; i < rows; ++i) sum += static_cast<double>(x(i, c));
        const double mean = sum / rows;
        for (int i = 0; i < rows; ++i)
          x(i, c) = static_cast<T>(static_cast<double>(x(i, c)) - mean);
      });
}

template <class T>
void spread_gradient(Matrix<T> c, const SpreadCriterion& criterion, Vector<double> hinges,
                     Vector<double> squares) {
  const int columns = static_cast<int>(c.extent(1));
  const double target = criterion.target, eps = criterion.eps, variance = criterion.variance;
  const T covariance = static_cast<T>(criterion.covariance);
  for_rows(
      "spread of columns", columns, KOKKOS_LAMBDA(const Row& row) {
        const int a = row.index;
        const double deviation = Kokkos::sqrt(static_cast<double>(c(a, a)) + eps);
        const double square = row.sum<double>(columns, [&](int b) {
          return b == a ? 0.0 : static_cast<double>(c(a, b)) * static_cast<double>(c(a, b));
        });
        row.for_each(columns, [&](int b) {
          if (b != a) c(a, b) *= covariance;
        });
        row.once([&]() {
          c(a, a) = deviation < target ? static_cast<T>(-variance / deviation) : T(0);
          hinges(a) = deviation < target ? target - deviation : 0.0;
          squares(a) = square;
        });
      });
}

#define JESPR_INSTANTIATE(T)                                                          \
  template void centre_columns<T>(Matrix<T>);                                         \
  template void spread_gradient<T>(Matrix<T>, const SpreadCriterion&, Vector<double>, \
                                   Vector<double>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
