// Token embeddings of both encoders, with ESM-2's token-dropout rescaling.
#pragma once

#include "tensor/arena.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

/// x[i] = factor[i] * table[token[i]].  table [A, C]; token [N]; factor [N] -> x [N, C].
/// `factor` is 0 for <mask> tokens, else (1 - 0.12) / (1 - r) with r the share of <mask> in the
/// protein (Lin et al. 2023, the released ESM-2).
template <class T>
void embed_tokens(Matrix<T> table, Vector<const int> token, Vector<const T> factor, Matrix<T> x);

/// dtable[a] += sum over the rows i of token a of factor[i] * dx[i], in the order of rows.
/// `rows_by_token` [N] lists the rows of token 0, then of token 1, ...; `token_starts` [A + 1].
template <class T>
void embed_tokens_backward(Matrix<T> dx, Vector<const T> factor, Vector<const int> rows_by_token,
                           Vector<const int> token_starts, Matrix<T> dtable);

/// x[i] = factor * row: one embedding for every row. row [C] -> x [N, C].
template <class T>
void fill_rows(Vector<const T> row, T factor, Matrix<T> x);
/// drow += factor * sum_i dx[i].
template <class T>
void fill_rows_backward(Workspace& scratch, Matrix<T> dx, T factor, Vector<T> drow);

}  // namespace jespr::kernels
