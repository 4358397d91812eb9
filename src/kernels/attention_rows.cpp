// Attention by rows. Keys (or queries, in the pass by key) come in blocks whose scores are formed
// from a transposed copy, so that the innermost loops run over neighbouring keys with unit stride.
#include "kernels/attention_rows.hpp"

#include "kernels/attention_dropout.hpp"
#include "kernels/math.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {
namespace {

constexpr int block = 32;  // keys whose scores are held at once

/// t [C, N] = columns [first, first + C) of m [N, *], transposed.
template <class T>
void transpose_columns(Matrix<T> m, int first, Matrix<T> t) {
  const int n = static_cast<int>(m.extent(0)), columns = static_cast<int>(t.extent(0));
  constexpr int tile = 32;
  const int tiles = (n + tile - 1) / tile;
  for_rows(
      "transpose", tiles, KOKKOS_LAMBDA(const Row& row) {
        const int begin = row.index * tile;
        const int end = begin + tile < n ? begin + tile : n;
        row.for_each(columns, [&](int c) {
          for (int i = begin; i < end; ++i) t(c, i) = m(i, first + c);
        });
      });
}

/// s[j] = sum_d a[d] t(row0 + d, column0 + j) for j < count.
template <class T>
KOKKOS_FORCEINLINE_FUNCTION void block_scores(const T* a, int width, const Matrix<T>& t, int row0,
                                              int column0, int count, T* s) {
  for (int j = 0; j < block; ++j) s[j] = 0;
  if (count == block) {
    for (int d = 0; d < width; ++d) {
      const T factor = a[d];
      const T* source = &t(row0 + d, column0);
      for (int j = 0; j < block; ++j) s[j] += factor * source[j];
    }
  } else {
    for (int d = 0; d < width; ++d)
      for (int j = 0; j < count; ++j) s[j] += a[d] * t(row0 + d, column0 + j);
  }
}

}  // namespace

template <class T>
void attention_by_rows(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets, int heads,
                       const AttentionDropout& dropout, Matrix<T> out, Matrix<T> lse, bool causal) {
  const int n = offsets.rows(), width = static_cast<int>(out.extent(1)), head_width = width / heads;
  Scope scope(scratch);
  const Matrix<T> keys = scratch.matrix<T>(width, n);
  transpose_columns(qkv, width, keys);
  const auto protein = offsets.protein;
  const auto starts = offsets.starts;
  const auto identity = offsets.identity;
  const AttentionMasks masks(dropout);
  for_each(
      "attention", static_cast<std::size_t>(n) * heads, KOKKOS_LAMBDA(const std::size_t task) {
        const int h = static_cast<int>(task / n), i = static_cast<int>(task % n);
        const int b = protein(i), begin = starts(b), end = causal ? i + 1 : starts(b + 1);
        const int first = h * head_width;
        const T* query = &qkv(i, first);
        T sum = 0, largest = 0;
        T accumulated[largest_head_width] = {};
        for (int j0 = begin; j0 < end; j0 += block) {
          const int count = end - j0 < block ? end - j0 : block;
          T s[block];
          block_scores(query, head_width, keys, first, j0, count, s);
          T block_max = s[0];
          for (int j = 1; j < count; ++j) block_max = s[j] > block_max ? s[j] : block_max;
          const T new_max = j0 == begin || block_max > largest ? block_max : largest;
          const T correction = j0 == begin ? T(0) : exponential(largest - new_max);
          largest = new_max;
          for (int j = 0; j < block; ++j) s[j] = exponential(s[j] - largest);
          T block_sum = 0;
          for (int j = 0; j < count; ++j) block_sum += s[j];
          sum = sum * correction + block_sum;
          for (int d = 0; d < head_width; ++d) accumulated[d] *= correction;
          for (int j = 0; j < count; ++j) {
            const T p =
                masks.on ? s[j] * masks.factor<T>(identity(b), h, i - begin, j0 + j - begin) : s[j];
            const T* value = &qkv(j0 + j, 2 * width + first);
            for (int d = 0; d < head_width; ++d) accumulated[d] += p * value[d];
          }
        }
        const T inverse = T(1) / sum;
        for (int d = 0; d < head_width; ++d) out(i, first + d) = accumulated[d] * inverse;
        lse(h, i) = largest + Kokkos::log(sum);
      });
}

template <class T>
void attention_by_rows_backward(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets,
                                int heads, const AttentionDropout& dropout, Matrix<T> out,
                                Matrix<T> lse, Matrix<T> dout, Matrix<T> dqkv, bool causal) {
  const int n = offsets.rows(), width = static_cast<int>(out.extent(1)), head_width = width / heads;
  Scope scope(scratch);
  const Matrix<T> queries = scratch.matrix<T>(width, n), keys = scratch.matrix<T>(width, n),
                  values = scratch.matrix<T>(width, n), douts = scratch.matrix<T>(width, n),
                  delta = scratch.matrix<T>(heads, n);
  transpose_columns(qkv, 0, queries);
  transpose_columns(qkv, width, keys);
  transpose_columns(qkv, 2 * width, values);
  transpose_columns(dout, 0, douts);
  const auto protein = offsets.protein;
  const auto starts = offsets.starts;
  const auto identity = offsets.identity;
  const AttentionMasks masks(dropout);
  const std::size_t tasks = static_cast<std::size_t>(n) * heads;

  for_each(
      "attention backward by query", tasks, KOKKOS_LAMBDA(const std::size_t task) {
        const int h = static_cast<int>(task / n), i = static_cast<int>(task % n);
        const int b = protein(i), begin = starts(b), end = causal ? i + 1 : starts(b + 1);
        const int first = h * head_width;
        T centre = 0;
        for (int d = 0; d < head_width; ++d) centre += dout(i, first + d) * out(i, first + d);
        delta(h, i) = centre;
        T dquery[largest_head_width] = {};
        for (int j0 = begin; j0 < end; j0 += block) {
          const int count = end - j0 < block ? end - j0 : block;
          T s[block], g[block];
          block_scores(&qkv(i, first), head_width, keys, first, j0, count, s);
          block_scores(&dout(i, first), head_width, values, first, j0, count, g);
          if (masks.on)
            for (int j = 0; j < count; ++j)
              g[j] *= masks.factor<T>(identity(b), h, i - begin, j0 + j - begin);
          const T shift = lse(h, i);
          for (int j = 0; j < block; ++j) s[j] = exponential(s[j] - shift) * (g[j] - centre);
          for (int j = 0; j < count; ++j) {
            const T* key = &qkv(j0 + j, width + first);
            for (int d = 0; d < head_width; ++d) dquery[d] += s[j] * key[d];
          }
        }
        for (int d = 0; d < head_width; ++d) dqkv(i, first + d) = dquery[d];
      });

  for_each(
      "attention backward by key", tasks, KOKKOS_LAMBDA(const std::size_t task) {
        const int h = static_cast<int>(task / n), j = static_cast<int>(task % n);
        const int b = protein(j), begin = starts(b), end = starts(b + 1);
        const int first = h * head_width;
        T dkey[largest_head_width] = {}, dvalue[largest_head_width] = {};
        for (int i0 = causal ? j : begin; i0 < end; i0 += block) {
          const int count = end - i0 < block ? end - i0 : block;
          T s[block], g[block], mask[block];
          block_scores(&qkv(j, width + first), head_width, queries, first, i0, count, s);
          block_scores(&qkv(j, 2 * width + first), head_width, douts, first, i0, count, g);
          for (int i = 0; i < count; ++i) {
            mask[i] = masks.on ? masks.factor<T>(identity(b), h, i0 + i - begin, j - begin) : T(1);
            g[i] = g[i] * mask[i] - delta(h, i0 + i);
            s[i] -= lse(h, i0 + i);
          }
          for (int i = 0; i < block; ++i) s[i] = exponential(s[i]);
          for (int i = 0; i < count; ++i) {
            const T ds = s[i] * g[i], p = s[i] * mask[i];
            const T* query = &qkv(i0 + i, first);
            const T* gradient = &dout(i0 + i, first);
            for (int d = 0; d < head_width; ++d) {
              dkey[d] += ds * query[d];
              dvalue[d] += p * gradient[d];
            }
          }
        }
        for (int d = 0; d < head_width; ++d) {
          dqkv(j, width + first + d) = dkey[d];
          dqkv(j, 2 * width + first + d) = dvalue[d];
        }
      });
}

#define JESPR_INSTANTIATE(T)                                                                 \
  template void attention_by_rows<T>(Workspace&, Matrix<T>, const Offsets&, int,             \
                                     const AttentionDropout&, Matrix<T>, Matrix<T>, bool);   \
  template void attention_by_rows_backward<T>(Workspace&, Matrix<T>, const Offsets&, int,    \
                                              const AttentionDropout&, Matrix<T>, Matrix<T>, \
                                              Matrix<T>, Matrix<T>, bool);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
