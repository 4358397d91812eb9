// Pooling and normalisation.
#include "kernels/pooling.hpp"

#include "kernels/pooled_rows.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {
namespace {

/// The rows that enter the pooled row: all of them with equal weight.
KOKKOS_INLINE_FUNCTION RowRange pooled_rows(Pooling pooling, int begin, int end) {
  return pooling == Pooling::bos ? RowRange{begin, begin + 1} : residue_rows(begin, end);
}

}  // namespace

template <class T>
void pool(Pooling pooling, Matrix<T> x, const Offsets& offsets, Matrix<T> pooled) {
  const int columns = static_cast<int>(x.extent(1));
  const auto starts = offsets.starts;
  for_rows(
      "pool", offsets.proteins(), KOKKOS_LAMBDA(const Row& row) {
        const int b = row.index;
        const RowRange range = pooled_rows(pooling, starts(b), starts(b + 1));
        const T factor = T(1) / T(range.end - range.begin);
        row.for_each(columns, [&](int c) { pooled(b, c) = x(range.begin, c); });
        for (int i = range.begin + 1; i < range.end; ++i)
          row.for_each(columns, [&](int c) { pooled(b, c) += x(i, c); });
        row.for_each(columns, [&](int c) { pooled(b, c) *= factor; });
      });
}

template <class T>
void pool_backward(Pooling pooling, Matrix<T> dpooled, const Offsets& offsets, Matrix<T> dx) {
  const int columns = static_cast<int>(dx.extent(1));
  const auto starts = offsets.starts;
  const auto protein = offsets.protein;
  for_rows(
      "pool backward", static_cast<int>(dx.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index, b = protein(i);
        const RowRange range = pooled_rows(pooling, starts(b), starts(b + 1));
        const bool inside = i >= range.begin && i < range.end;
        const T factor = inside ? T(1) / T(range.end - range.begin) : T(0);
        row.for_each(columns, [&](int c) { dx(i, c) = factor * dpooled(b, c); });
      });
}

template <class T>
void normalize_rows(Matrix<T> x, Matrix<T> y, Vector<T> norm) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "normalize rows", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const T length =
            Kokkos::sqrt(row.sum<T>(columns, [&](int c) { return x(i, c) * x(i, c); }));
        const T inverse = T(1) / length;
        row.for_each(columns, [&](int c) { y(i, c) = x(i, c) * inverse; });
        row.once([&]() { norm(i) = length; });
      });
}

template <class T>
void normalize_rows_backward(Matrix<T> dy, Matrix<T> y, Vector<T> norm, Matrix<T> dx) {
  const int columns = static_cast<int>(y.extent(1));
  for_rows(
      "normalize rows backward", static_cast<int>(y.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const T along = row.sum<T>(columns, [&](int c) { return y(i, c) * dy(i, c); });
        const T inverse = T(1) / norm(i);
        row.for_each(columns, [&](int c) { dx(i, c) = (dy(i, c) - y(i, c) * along) * inverse; });
      });
}

#define JESPR_INSTANTIATE(T)                                                     \
  template void pool<T>(Pooling, Matrix<T>, const Offsets&, Matrix<T>);          \
  template void pool_backward<T>(Pooling, Matrix<T>, const Offsets&, Matrix<T>); \
  template void normalize_rows<T>(Matrix<T>, Matrix<T>, Vector<T>);              \
  template void normalize_rows_backward<T>(Matrix<T>, Matrix<T>, Vector<T>, Matrix<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
