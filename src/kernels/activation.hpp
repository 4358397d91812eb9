// Bias and activation, fused, forward and backward.
#pragma once

#include "tensor/arena.hpp"
#include "tensor/views.hpp"

namespace jespr {

enum class Activation { none, relu, gelu, tanh };

namespace kernels {

/// y[i, c] += b[c].
template <class T>
void add_bias(Matrix<T> y, Vector<T> b);

/// h[i, c] += b[c]; y = act(h). `h` [N, C] is kept for backward; `y` may be `h` for relu and tanh.
template <class T>
void bias_activation(Activation act, Matrix<T> h, Vector<T> b, Matrix<T> y);

/// dh = dy * act'(h). `y` is act(h); which of h and y is read depends on the activation (gelu: h,
/// relu and tanh: y). `dh` may be `dy`.
template <class T>
void activation_backward(Activation act, Matrix<T> h, Matrix<T> y, Matrix<T> dy, Matrix<T> dh);

/// dy *= act'(h) in place and dbias[c] += sum_i dy[i, c] of the result, in one pass.
template <class T>
void activation_and_bias_backward(Workspace& scratch, Activation act, Matrix<T> h, Matrix<T> y,
                                  Matrix<T> dy, Vector<T> dbias);

/// z = x + y; z may be x or y.
template <class T>
void add(Matrix<T> x, Matrix<T> y, Matrix<T> z);

}  // namespace kernels
}  // namespace jespr
