// From the rows of a protein to one row, and to the unit sphere.
#pragma once

#include "tensor/arena.hpp"
#include "tensor/offsets.hpp"

namespace jespr {

/// bos: the start token's row. mean: the mean over residue rows, start and end tokens left out
/// (position 1 of a protein without residues).
enum class Pooling { bos, mean };

namespace kernels {

/// x [N, C] -> pooled [B, C].
template <class T>
void pool(Pooling pooling, Matrix<T> x, const Offsets& offsets, Matrix<T> pooled);
/// dx [N, C] is assigned.
template <class T>
void pool_backward(Pooling pooling, Matrix<T> dpooled, const Offsets& offsets, Matrix<T> dx);

/// y = x / |x|, row by row, without eps. x [B, J] -> y [B, J]; norm [B] is kept.
template <class T>
void normalize_rows(Matrix<T> x, Matrix<T> y, Vector<T> norm);
/// dx = (dy - y (y . dy)) / |x|; dx may be dy.
template <class T>
void normalize_rows_backward(Matrix<T> dy, Matrix<T> y, Vector<T> norm, Matrix<T> dx);

}  // namespace kernels
}  // namespace jespr
