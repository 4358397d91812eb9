// Token embedding.
#include "kernels/embedding.hpp"

#include "kernels/columns.hpp"

namespace jespr::kernels {

template <class T>
void embed_tokens(Matrix<T> table, Vector<const int> token, Vector<const T> factor, Matrix<T> x) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "embed tokens", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        row.for_each(columns, [&](int c) { x(i, c) = factor(i) * table(token(i), c); });
      });
}

template <class T>
void embed_tokens_backward(Matrix<T> dx, Vector<const T> factor, Vector<const int> rows_by_token,
                           Vector<const int> token_starts, Matrix<T> dtable) {
  const int columns = static_cast<int>(dx.extent(1));
  for_rows(
      "embed tokens backward", static_cast<int>(dtable.extent(0)),
      KOKKOS_LAMBDA(const Row& row) {
        const int a = row.index;
        for (int k = token_starts(a); k < token_starts(a + 1); ++k) {
          const int i = rows_by_token(k);
          row.for_each(columns, [&](int c) { dtable(a, c) += factor(i) * dx(i, c); });
        }
      },
      true);
}

template <class T>
void fill_rows(Vector<const T> row, T factor, Matrix<T> x) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "fill rows", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& r) {
        const int i = r.index;
        r.for_each(columns, [&](int c) { x(i, c) = factor * row(c); });
      });
}

template <class T>
void fill_rows_backward(Workspace& scratch, Matrix<T> dx, T factor, Vector<T> drow) {
  add_column_sums<T>(
      "fill rows backward", scratch, static_cast<int>(dx.extent(0)), static_cast<int>(dx.extent(1)),
      drow, KOKKOS_LAMBDA(int i, int c) { return factor * dx(i, c); });
}

#define JESPR_INSTANTIATE(T)                                                               \
  template void embed_tokens<T>(Matrix<T>, Vector<const int>, Vector<const T>, Matrix<T>); \
  template void embed_tokens_backward<T>(Matrix<T>, Vector<const T>, Vector<const int>,    \
                                         Vector<const int>, Matrix<T>);                    \
  template void fill_rows<T>(Vector<const T>, T, Matrix<T>);                               \
  template void fill_rows_backward<T>(Workspace&, Matrix<T>, T, Vector<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
