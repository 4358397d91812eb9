// The norm of the dihedral embedding: a layer norm with unbiased variance and its eps twice
// (Ingraham et al. 2019, "Normalize"; kept for parity with the published weights).
#pragma once

#include "tensor/arena.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

inline constexpr double feature_norm_eps = 1e-6;

/// y = gain (x - mean) / (sigma + eps) + bias, sigma = sqrt(var + eps), var = sum (x - mean)^2 /
/// (C - 1). x [N, C] -> y [N, C]; mean, sigma [N] are kept for backward.
template <class T>
void feature_norm(Matrix<T> x, Vector<T> gain, Vector<T> bias, Matrix<T> y, Vector<T> mean,
                  Vector<T> sigma);

/// With g = gain dy, r = 1 / (sigma + eps), z = x - mean:
/// dx = r (g - mean_c(g)) - z r^2 / (sigma (C - 1)) sum_c(g z). `dx` is assigned; it may be `dy`.
template <class T>
void feature_norm_backward(Matrix<T> dy, Matrix<T> x, Vector<T> mean, Vector<T> sigma,
                           Vector<T> gain, Matrix<T> dx);

/// dgain += sum_i dy (x - mean) / (sigma + eps), dbias += sum_i dy.
template <class T>
void feature_norm_parameter_gradients(Workspace& scratch, Matrix<T> dy, Matrix<T> x, Vector<T> mean,
                                      Vector<T> sigma, Vector<T> dgain, Vector<T> dbias);

}  // namespace jespr::kernels
