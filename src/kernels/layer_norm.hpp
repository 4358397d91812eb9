// Layer norm over the columns of each row, forward and backward.
#pragma once

#include "tensor/arena.hpp"
#include "tensor/loops.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

namespace detail {
/// One row of `layer_norm`.
template <class T>
KOKKOS_FORCEINLINE_FUNCTION void norm_row(const Row& row, Matrix<T> x, Vector<T> gain,
                                          Vector<T> bias, T eps, Matrix<T> y, Vector<T> mean,
                                          Vector<T> rstd) {
  const int i = row.index, columns = static_cast<int>(x.extent(1));
  const T centre = row.sum<T>(columns, [&](int c) { return x(i, c); }) / T(columns);
  const T variance = row.sum<T>(columns, [&](int c) {
    const T d = x(i, c) - centre;
    return d * d;
  }) / T(columns);
  const T inverse = T(1) / Kokkos::sqrt(variance + eps);
  row.for_each(columns,
               [&](int c) { y(i, c) = gain(c) * ((x(i, c) - centre) * inverse) + bias(c); });
  row.once([&]() {
    mean(i) = centre;
    rstd(i) = inverse;
  });
}
}  // namespace detail

/// Row-wise layer norm (Ba et al. 2016, arXiv:1607.06450), biased variance:
/// y = gain * (x - mean) * rstd + bias, rstd = 1 / sqrt(var + eps).
/// x [N, C] -> y [N, C]; gain, bias [C]; mean, rstd [N] are kept for backward.
template <class T>
void layer_norm(Matrix<T> x, Vector<T> gain, Vector<T> bias, T eps, Matrix<T> y, Vector<T> mean,
                Vector<T> rstd);

/// dx = rstd * (g - mean_c(g) - xhat * mean_c(g * xhat)), g = gain * dy, xhat = (x - mean) * rstd.
/// `dx` is assigned (it may be `dy`), or with `accumulate` added to.
template <class T>
void layer_norm_backward(Matrix<T> dy, Matrix<T> x, Vector<T> mean, Vector<T> rstd, Vector<T> gain,
                         Matrix<T> dx, bool accumulate = false);

/// dgain += sum_i dy * xhat, dbias += sum_i dy.
template <class T>
void layer_norm_parameter_gradients(Workspace& scratch, Matrix<T> dy, Matrix<T> x, Vector<T> mean,
                                    Vector<T> rstd, Vector<T> dgain, Vector<T> dbias);

}  // namespace jespr::kernels
