// Predicting tokens.
#include "kernels/language.hpp"

#include "kernels/math.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {

template <class T>
void gather_rows(Matrix<T> x, Vector<const int> rows, Matrix<T> y) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "gather rows", static_cast<int>(rows.size()), KOKKOS_LAMBDA(const Row& row) {
        const int from = rows(row.index);
        row.for_each(columns, [&](int c) { y(row.index, c) = x(from, c); });
      });
}

template <class T>
void scatter_rows(Matrix<T> dy, Vector<const int> rows, Matrix<T> dx) {
  const int columns = static_cast<int>(dx.extent(1));
  for_rows(
      "scatter rows", static_cast<int>(rows.size()), KOKKOS_LAMBDA(const Row& row) {
        const int to = rows(row.index);
        row.for_each(columns, [&](int c) { dx(to, c) += dy(row.index, c); });
      });
}

template <class T>
void cross_entropy(Matrix<T> scores, Vector<T> bias, Vector<const int> targets,
                   Vector<double> losses, Vector<double> right) {
  const int classes = static_cast<int>(scores.extent(1));
  for_rows(
      "cross entropy", static_cast<int>(scores.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int m = row.index, target = targets(m);
        const auto logit = [&](int a) { return scores(m, a) + bias(a); };
        const T largest = row.max<T>(classes, logit);
        const T other = row.max<T>(classes, [&](int a) {
          return a == target ? -Kokkos::Experimental::infinity_v<T> : logit(a);
        });
        const T sum =
            row.sum<T>(classes, [&](int a) { return exponential_of_negative(logit(a) - largest); });
        const bool known = target >= 0;
        const T own = known ? logit(target) : largest;
        row.for_each(classes, [&](int a) {
          const T share = exponential_of_negative(logit(a) - largest) / sum;
          const T derivative = a == target ? share - T(1) : share;
          scores(m, a) = known ? derivative : T(0);
        });
        row.once([&]() {
          const double loss = static_cast<double>(largest) - static_cast<double>(own) +
                              Kokkos::log(static_cast<double>(sum));
          losses(m) = known ? loss : 0.0;
          right(m) = known && own > other ? 1.0 : 0.0;
        });
      });
}

template <class T>
void multiply(Matrix<T> x, T factor) {
  T* const values = x.data();
  for_each(
      "multiply", x.size(), KOKKOS_LAMBDA(const std::size_t i) { values[i] *= factor; });
}

#define JESPR_INSTANTIATE(T)                                                              \
  template void gather_rows<T>(Matrix<T>, Vector<const int>, Matrix<T>);                  \
  template void scatter_rows<T>(Matrix<T>, Vector<const int>, Matrix<T>);                 \
  template void cross_entropy<T>(Matrix<T>, Vector<T>, Vector<const int>, Vector<double>, \
                                 Vector<double>);                                         \
  template void multiply<T>(Matrix<T>, T);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
