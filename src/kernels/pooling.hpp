// From the rows of a protein to one row, and to the unit sphere.
#pragma once

#include "tensor/arena.hpp"
#include "tensor/offsets.hpp"

namespace jespr {

/// bos: the start token's row. mean: the mean over residue rows, start and end tokens left out
/// (position 1 of a protein without residues). attention: a weighted mean over the same rows.
enum class Pooling { bos, mean, attention };

namespace kernels {

/// x [N, C] -> pooled [B, C]; not of kind attention.
template <class T>
void pool(Pooling pooling, Matrix<T> x, const Offsets& offsets, Matrix<T> pooled);
/// dx [N, C] is assigned.
template <class T>
void pool_backward(Pooling pooling, Matrix<T> dpooled, const Offsets& offsets, Matrix<T> dx);

/// pooled_b = sum_i p_i x_i over the residue rows i of protein b, p = softmax_i(q . x_i / sqrt(C)):
/// attention with one query q [C] and rows that are their own keys and values (Lee et al. 2019,
/// arXiv:1810.00825, with one seed and one head). x [N, C] -> pooled [B, C]; p [N] is kept, 0 in
/// rows that do not take part.
template <class T>
void attention_pool(Matrix<T> x, const Offsets& offsets, Vector<T> query, Vector<T> p,
                    Matrix<T> pooled);
/// With g = dpooled_b and ds_i = p_i (g . x_i - sum_k p_k g . x_k) / sqrt(C):
/// dx_i = p_i g + ds_i q is assigned; dq += sum_i ds_i x_i.
template <class T>
void attention_pool_backward(Workspace& scratch, Matrix<T> x, const Offsets& offsets,
                             Vector<T> query, Vector<T> p, Matrix<T> dpooled, Matrix<T> dx,
                             Vector<T> dquery);

/// y = x / |x|, row by row, without eps. x [B, J] -> y [B, J]; norm [B] is kept.
template <class T>
void normalize_rows(Matrix<T> x, Matrix<T> y, Vector<T> norm);
/// dx = (dy - y (y . dy)) / |x|; dx may be dy.
template <class T>
void normalize_rows_backward(Matrix<T> dy, Matrix<T> y, Vector<T> norm, Matrix<T> dx);

}  // namespace kernels
}  // namespace jespr
