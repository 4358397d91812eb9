// Weighted sums over layers, with weights from a softmax over one number for each layer.
#pragma once

#include "tensor/arena.hpp"

namespace jespr::kernels {

/// a = softmax(w), [n].
template <class T>
void softmax_of_layers(Vector<T> w, Vector<T> a);
/// dw_j += a_j (da_j - sum_k a_k da_k), [n].
template <class T>
void softmax_of_layers_backward(Vector<T> a, Vector<T> da, Vector<T> dw);

/// y = a_j x, or y += a_j x with `accumulate`. x, y [N, C], a [n]; y may be x. Its own transpose:
/// dx from dy alike.
template <class T>
void add_layer(Vector<T> a, int j, Matrix<T> x, Matrix<T> y, bool accumulate);
/// da_j = sum over all elements of dy x: the rows' sums, then their sum.
template <class T>
void layer_weight_gradient(Workspace& scratch, Matrix<T> x, Matrix<T> dy, int j, Vector<T> da);

}  // namespace jespr::kernels
