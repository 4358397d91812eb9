// The pieces of the symmetric InfoNCE loss that see one tile of logits at a time.
#pragma once

#include "tensor/arena.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

/// Which rows and columns of a logit matrix are partners: those of one protein. Its rows stand side
/// by side, so many for each protein, and so do its columns.
struct Partners {
  int rows, columns;

  /// The first column of the whole matrix that is a partner of row i; `columns` of them are.
  KOKKOS_INLINE_FUNCTION int first_column(int i) const { return i / rows * columns; }
};
inline constexpr Partners one_to_one{1, 1};

/// What is known of the rows of a logit matrix after some of its tiles: [b] each.
template <class T>
struct RowStatistics {
  Vector<T> largest;       // running max_j s_ij
  Vector<T> sum;           // running sum_j exp(s_ij - largest_i)
  Vector<T> partner_sum;   // sum of s_ij over the partners j, once their tiles have come
  Vector<T> best_partner;  // running max over partners
  Vector<T> best_other;    // and over all others: row i is right when best_partner > best_other

  static RowStatistics take(Workspace& workspace, int rows);
};

/// Start of a pass: no tile seen.
template <class T>
void reset(const RowStatistics<T>& rows);

/// Takes in the tile s [b, b']; its first row is row `row0` of the whole matrix, its first column
/// column `column0`.
template <class T>
void accumulate_tile(Matrix<T> s, int row0, int column0, const RowStatistics<T>& rows,
                     const Partners& partners = one_to_one);

/// lse[i] = log sum_j exp(s_ij).
template <class T>
void finish_log_sum_exp(const RowStatistics<T>& rows, Vector<T> lse);

/// In place s -> G, the gradient by the logits of half the mean over rows and half the mean over
/// columns of their log-sum-exp less the mean of their partners' logits. With p rows and q columns
/// of each of B proteins and delta_ij = 1 for partners, else 0:
/// G_ij = factor * (q exp(s_ij - row_lse_i) + p exp(s_ij - column_lse_j) - 2 delta_ij),
/// factor = 1 / (2 p q B). dscale[i] += sum_j G_ij s_ij.
template <class T>
void gradient_tile(Matrix<T> s, int row0, int column0, Vector<T> row_lse, Vector<T> column_lse,
                   T factor, Vector<T> dscale, const Partners& partners = one_to_one);

}  // namespace jespr::kernels
