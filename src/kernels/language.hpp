// Predicting tokens: the rows that do it, and their cross entropy.
#pragma once

#include "tensor/views.hpp"

namespace jespr::kernels {

/// y[m] = x[rows[m]].  x [N, C], rows [M] -> y [M, C].
template <class T>
void gather_rows(Matrix<T> x, Vector<const int> rows, Matrix<T> y);

/// dx[rows[m]] += dy[m]; no row comes twice.
template <class T>
void scatter_rows(Matrix<T> dy, Vector<const int> rows, Matrix<T> dx);

/// Cross entropy of the logits s = scores + bias [M, A]: losses[m] = log sum_a exp(s_ma) - s_mt
/// with t = targets[m], right[m] = 1 where no other logit reaches that of the target, else 0. In
/// place scores -> derivative by the logits, exp(s_ma) / sum - delta_at. A row without a target,
/// -1, has loss, right and derivatives 0.
template <class T>
void cross_entropy(Matrix<T> scores, Vector<T> bias, Vector<const int> targets,
                   Vector<double> losses, Vector<double> right);

/// x *= factor.
template <class T>
void multiply(Matrix<T> x, T factor);

}  // namespace jespr::kernels
