// Attention pooling.
#include <cmath>

#include "kernels/columns.hpp"
#include "kernels/pooled_rows.hpp"
#include "kernels/pooling.hpp"

namespace jespr::kernels {

template <class T>
void attention_pool(Matrix<T> x, const Offsets& offsets, Vector<T> query, Vector<T> p,
                    Matrix<T> pooled) {
  const int columns = static_cast<int>(x.extent(1));
  const T scale = static_cast<T>(1.0 / std::sqrt(static_cast<double>(columns)));
  const auto starts = offsets.starts;
  for_rows(
      "attention pooling scores", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const T score = scale * row.sum<T>(columns, [&](int c) { return query(c) * x(i, c); });
        row.once([&]() { p(i) = score; });
      });
  for_rows(
      "attention pooling softmax", offsets.proteins(), KOKKOS_LAMBDA(const Row& row) {
        const int first = starts(row.index), last = starts(row.index + 1);
        const RowRange range = residue_rows(first, last);
        const int n = range.end - range.begin;
        T* const own = &p(range.begin);
        const T largest = row.max<T>(n, [&](int i) { return own[i]; });
        const T sum = row.sum<T>(n, [&](int i) { return Kokkos::exp(own[i] - largest); });
        const T inverse = T(1) / sum;
        row.for_each(n, [&](int i) { own[i] = Kokkos::exp(own[i] - largest) * inverse; });
        row.for_each(range.begin - first, [&](int i) { p(first + i) = T(0); });
        row.for_each(last - range.end, [&](int i) { p(range.end + i) = T(0); });
      });
  for_rows(
      "attention pooling", offsets.proteins(), KOKKOS_LAMBDA(const Row& row) {
        const int b = row.index;
        const RowRange range = residue_rows(starts(b), starts(b + 1));
        row.for_each(columns, [&](int c) { pooled(b, c) = p(range.begin) * x(range.begin, c); });
        for (int i = range.begin + 1; i < range.end; ++i)
          row.for_each(columns, [&](int c) { pooled(b, c) += p(i) * x(i, c); });
      });
}

template <class T>
void attention_pool_backward(Workspace& scratch, Matrix<T> x, const Offsets& offsets,
                             Vector<T> query, Vector<T> p, Matrix<T> dpooled, Matrix<T> dx,
                             Vector<T> dquery) {
  const int columns = static_cast<int>(x.extent(1)), rows = static_cast<int>(x.extent(0));
  const T scale = static_cast<T>(1.0 / std::sqrt(static_cast<double>(columns)));
  const auto starts = offsets.starts;
  const auto protein = offsets.protein;
  Scope scope(scratch);
  const Vector<T> dp = scratch.vector<T>(x.extent(0));  // then ds
  for_rows(
      "attention pooling d weights", rows, KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index, b = protein(i);
        const T value = row.sum<T>(columns, [&](int c) { return dpooled(b, c) * x(i, c); });
        row.once([&]() { dp(i) = value; });
      });
  for_rows(
      "attention pooling d scores", offsets.proteins(), KOKKOS_LAMBDA(const Row& row) {
        const int first = starts(row.index), n = starts(row.index + 1) - first;
        const T mean = row.sum<T>(n, [&](int i) { return p(first + i) * dp(first + i); });
        row.for_each(n,
                     [&](int i) { dp(first + i) = scale * p(first + i) * (dp(first + i) - mean); });
      });
  for_rows(
      "attention pooling backward", rows, KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index, b = protein(i);
        row.for_each(columns, [&](int c) { dx(i, c) = p(i) * dpooled(b, c) + dp(i) * query(c); });
      });
  add_column_sums<T>(
      "attention pooling d query", scratch, rows, columns, dquery,
      KOKKOS_LAMBDA(int i, int c) { return dp(i) * x(i, c); });
}

#define JESPR_INSTANTIATE(T)                                                                   \
  template void attention_pool<T>(Matrix<T>, const Offsets&, Vector<T>, Vector<T>, Matrix<T>); \
  template void attention_pool_backward<T>(Workspace&, Matrix<T>, const Offsets&, Vector<T>,   \
                                           Vector<T>, Matrix<T>, Matrix<T>, Vector<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
