// Multi-head self-attention on packed rows: each row sees the rows of its own protein only. Online
// softmax over blocks of keys (Milakov & Gimelshein 2018, arXiv:1805.02867; Dao et al. 2022,
// arXiv:2205.14135): no L x L array exists, forward or backward.
#pragma once

#include <cstdint>

#include "backend/products.hpp"
#include "base/philox.hpp"
#include "tensor/arena.hpp"
#include "tensor/offsets.hpp"

namespace jespr::kernels {

inline constexpr int largest_head_width = 128;

/// Dropout of attention probabilities: counter (protein, site and head, query, key / 4).
struct AttentionDropout {
  double rate = 0;  // 0: none
  PhiloxKey key{{0, 0}};
  std::uint32_t site = 0;
};

/// out_i = sum_j p_ij v_j, p_ij = exp(q_i . k_j - lse_i), per head; j over all rows of the protein,
/// or where it is `causal` over those up to i alone.
/// qkv [N, 3C] with scaled (and rotated) queries and keys; out [N, C]; lse [H, N] is kept.
/// `operands` is what the products' operands are rounded to on a CPU; on a GPU they are not.
template <class T>
void attention(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets, int heads,
               const AttentionDropout& dropout, OperandPrecision operands, Matrix<T> out,
               Matrix<T> lse, bool causal = false);

/// dqkv [N, 3C] is assigned. With g_ij = dout_i . v_j and delta_i = dout_i . out_i:
/// dv_j = sum_i p_ij dout_i, ds_ij = p_ij (g_ij - delta_i), dq_i = sum_j ds_ij k_j,
/// dk_j = sum_i ds_ij q_i. No sum needs atomics: bits repeat.
template <class T>
void attention_backward(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets, int heads,
                        const AttentionDropout& dropout, OperandPrecision operands, Matrix<T> out,
                        Matrix<T> lse, Matrix<T> dout, Matrix<T> dqkv, bool causal = false);

}  // namespace jespr::kernels
