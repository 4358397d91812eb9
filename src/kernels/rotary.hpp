// Scaling of queries and rotary position embedding of queries and keys, in place.
#pragma once

#include "tensor/offsets.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

/// q *= D^-1/2 in qkv [N, 3C] (columns q | k | v, head h owns h D .. (h+1) D of each), and with
/// `rotary` both q and k are rotated (Su et al. 2021, arXiv:2104.09864, half-split pairing):
/// (x_c, x_c+D/2) -> (x_c cos a - x_c+D/2 sin a, x_c+D/2 cos a + x_c sin a),
/// a = position * 10000^(-2c/D), position = row in the protein.
template <class T>
void scale_and_rotate(Matrix<T> qkv, const Offsets& offsets, int heads, bool rotary);

/// The gradient map of the same: rotation by -a, then dq *= D^-1/2. In place.
template <class T>
void scale_and_rotate_backward(Matrix<T> dqkv, const Offsets& offsets, int heads, bool rotary);

}  // namespace jespr::kernels
