// The end of a residual branch: bias, dropout and sum with the stream, alone or with the layer norm
// that follows, in one pass. Their gradients are those of the parts: the sum hands its gradient on.
#pragma once

#include "kernels/dropout.hpp"

namespace jespr::kernels {

/// branch = stream + Dropout(branch + bias). branch, stream [N, C]; bias [C].
template <class T>
void add_residual(Matrix<T> branch, Vector<T> bias, const RowDropout& dropout, Matrix<T> stream);

/// The same, and y, mean and rstd of the result as `layer_norm` gives them.
template <class T>
void add_residual_and_norm(Matrix<T> branch, Vector<T> branch_bias, const RowDropout& dropout,
                           Matrix<T> stream, Vector<T> gain, Vector<T> bias, T eps, Matrix<T> y,
                           Vector<T> mean, Vector<T> rstd);

}  // namespace jespr::kernels
