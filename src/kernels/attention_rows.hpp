// Attention on a GPU: one task is one row of one head.
#pragma once

#include "kernels/attention.hpp"

namespace jespr::kernels {

/// As kernels/attention.hpp declares them; backward in two passes, by query and by key, so that no
/// sum needs atomics.
template <class T>
void attention_by_rows(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets, int heads,
                       const AttentionDropout& dropout, Matrix<T> out, Matrix<T> lse, bool causal);
template <class T>
void attention_by_rows_backward(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets,
                                int heads, const AttentionDropout& dropout, Matrix<T> out,
                                Matrix<T> lse, Matrix<T> dout, Matrix<T> dqkv, bool causal);

}  // namespace jespr::kernels
