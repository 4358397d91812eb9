// Attention on a CPU: one task is one head of one protein, whose keys and values are packed once
// and stay in cache; scores are formed by tiles of a few queries and a block of keys in registers.
#pragma once

#include "kernels/attention.hpp"

namespace jespr::kernels {

/// As kernels/attention.hpp declares them.
template <class T>
void attention_by_tiles(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets, int heads,
                        const AttentionDropout& dropout, OperandPrecision operands, Matrix<T> out,
                        Matrix<T> lse, bool causal);
template <class T>
void attention_by_tiles_backward(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets,
                                 int heads, const AttentionDropout& dropout,
                                 OperandPrecision operands, Matrix<T> out, Matrix<T> lse,
                                 Matrix<T> dout, Matrix<T> dqkv, bool causal);

}  // namespace jespr::kernels
