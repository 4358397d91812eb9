// Bias of queries, keys and values, scaling of queries and rotary position embedding, in place.
#pragma once

#include "tensor/arena.hpp"
#include "tensor/offsets.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

/// qkv += bias; q *= D^-1/2 in qkv [N, 3C] (columns q | k | v, head h owns h D .. (h+1) D of each),
/// and with `rotary` both q and k are rotated (Su et al. 2021, arXiv:2104.09864, half-split
/// pairing): (x_c, x_c+D/2) -> (x_c cos a - x_c+D/2 sin a, x_c+D/2 cos a + x_c sin a), a = position
/// * 10000^(-2c/D), position = row in the protein. bias [3C].
template <class T>
void add_bias_scale_and_rotate(Workspace& scratch, Matrix<T> qkv, Vector<T> bias,
                               const Offsets& offsets, int heads, bool rotary);

/// Its gradient map: rotation by -a, then dq *= D^-1/2. In place.
template <class T>
void scale_and_rotate_backward(Workspace& scratch, Matrix<T> dqkv, const Offsets& offsets,
                               int heads, bool rotary);

}  // namespace jespr::kernels
