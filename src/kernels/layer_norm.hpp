// Layer norm over the columns of each row, forward and backward.
#pragma once

#include "tensor/arena.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

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
