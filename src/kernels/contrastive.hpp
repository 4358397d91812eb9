// The pieces of the symmetric InfoNCE loss that see one tile of logits at a time.
#pragma once

#include "tensor/arena.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

/// What is known of the rows of a logit matrix after some of its tiles: [b] each.
template <class T>
struct RowStatistics {
  Vector<T> largest;     // running max_j s_ij
  Vector<T> sum;         // running sum_j exp(s_ij - largest_i)
  Vector<T> diagonal;    // s_ii, once its tile has come
  Vector<T> best_other;  // running max over j != i: row i is right when diagonal > best_other

  static RowStatistics take(Workspace& workspace, int rows);
};

/// Start of a pass: no tile seen.
template <class T>
void reset(const RowStatistics<T>& rows);

/// Takes in the tile s [b, b']; its first row is row `row0` of the whole matrix, its first column
/// column `column0`.
template <class T>
void accumulate_tile(Matrix<T> s, int row0, int column0, const RowStatistics<T>& rows);

/// lse[i] = log sum_j exp(s_ij).
template <class T>
void finish_log_sum_exp(const RowStatistics<T>& rows, Vector<T> lse);

/// In place s -> G, G_ij = factor * (exp(s_ij - row_lse_i) + exp(s_ij - column_lse_j) - 2 delta_ij)
/// with factor = 1 / (2B): the gradient of the loss by the logits. dscale[i] += sum_j G_ij s_ij.
template <class T>
void gradient_tile(Matrix<T> s, int row0, int column0, Vector<T> row_lse, Vector<T> column_lse,
                   T factor, Vector<T> dscale);

}  // namespace jespr::kernels
