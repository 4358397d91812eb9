// The pieces of losses beside InfoNCE that see all pairs of a batch, a tile of scores at a time,
// and partners side by side.
#pragma once

#include "kernels/contrastive.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

/// Pairwise sigmoid loss (Zhai et al. 2023, arXiv:2303.15343). With z_ij = 1 for partners, else -1:
/// losses[i] += sum_j log(1 + exp(-z_ij (s_ij + bias))); in place s -> G, its derivative by s_ij
/// times `factor`: G_ij = -factor z_ij / (1 + exp(z_ij (s_ij + bias))); dscale[i] += sum_j G_ij
/// s_ij, dbias[i] += sum_j G_ij. s [b, b'] starts at row `row0`, column `column0` of the whole.
template <class T>
void sigmoid_tile(Matrix<T> s, int row0, int column0, T bias, T factor, Vector<T> losses,
                  Vector<T> dscale, Vector<T> dbias, const Partners& partners = one_to_one);

/// squares[i] = |x_i|^2. x [n, J].
template <class T>
void row_squares(Matrix<T> x, Vector<T> squares);

/// s_ij -= squares[j] / 2: from products x_i . y_j to scores that fall with the distance,
/// (|x_i|^2 - |x_i - y_j|^2) / 2.
template <class T>
void nearness_tile(Matrix<T> s, Vector<T> column_squares);

/// In place s_ij = x_i . x_j -> w_ij = exp(-sharpness |x_i - x_j|^2), 0 on the diagonal of the
/// whole; sums[i] += sum_j w_ij. Squares: |x_i|^2 of the tile's rows and columns.
template <class T>
void gaussian_tile(Matrix<T> s, int row0, int column0, Vector<T> row_squares,
                   Vector<T> column_squares, T sharpness, Vector<T> sums);

/// drows += factor * (sums_i x_i - pulls_i) with pulls = w x [n, J]: the derivative of sum_ij w_ij
/// by x_i, where factor is -4 sharpness.
template <class T>
void add_repulsion(Matrix<T> x, Vector<T> sums, Matrix<T> pulls, T factor, Matrix<T> drows);

/// squares[i] = |x_i - y_i|^2 in f64; dx = factor (x - y), dy = factor (y - x): the gradients of
/// factor / 2 times the sum of squares. [n, J].
template <class T>
void pull_partners(Matrix<T> x, Matrix<T> y, T factor, Matrix<T> dx, Matrix<T> dy,
                   Vector<double> squares);

}  // namespace jespr::kernels
