// The end of a residual branch.
#include "kernels/residual.hpp"

#include "kernels/layer_norm.hpp"

namespace jespr::kernels {
namespace {

/// One row of `add_residual`.
template <class T>
KOKKOS_FORCEINLINE_FUNCTION void add_residual_row(const Row& row, Matrix<T> branch, Vector<T> bias,
                                                  const RowDropout& dropout, Matrix<T> stream) {
  const int i = row.index, columns = static_cast<int>(branch.extent(1));
  if (dropout.on) {
    const T kept = static_cast<T>(dropout.kept);
    for_each_mask(row, dropout.draw(i), columns, [&](int c, bool drops) {
      branch(i, c) = stream(i, c) + (drops ? T(0) : (branch(i, c) + bias(c)) * kept);
    });
  } else {
    row.for_each(columns, [&](int c) { branch(i, c) = stream(i, c) + (branch(i, c) + bias(c)); });
  }
}

}  // namespace

template <class T>
void add_residual(Matrix<T> branch, Vector<T> bias, const RowDropout& dropout, Matrix<T> stream) {
  for_rows(
      "residual", static_cast<int>(branch.extent(0)),
      KOKKOS_LAMBDA(const Row& row) { add_residual_row(row, branch, bias, dropout, stream); });
}

template <class T>
void add_residual_and_norm(Matrix<T> branch, Vector<T> branch_bias, const RowDropout& dropout,
                           Matrix<T> stream, Vector<T> gain, Vector<T> bias, T eps, Matrix<T> y,
                           Vector<T> mean, Vector<T> rstd) {
  for_rows(
      "residual and layer norm", static_cast<int>(branch.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        add_residual_row(row, branch, branch_bias, dropout, stream);
        detail::norm_row(row, branch, gain, bias, eps, y, mean, rstd);
      });
}

#define JESPR_INSTANTIATE(T)                                                                 \
  template void add_residual<T>(Matrix<T>, Vector<T>, const RowDropout&, Matrix<T>);         \
  template void add_residual_and_norm<T>(Matrix<T>, Vector<T>, const RowDropout&, Matrix<T>, \
                                         Vector<T>, Vector<T>, T, Matrix<T>, Vector<T>,      \
                                         Vector<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
