// Products of tiles that lie in a CPU's cache, with operands rounded to bf16 and sums in f32. Both
// operands hold pairs of numbers along the inner dimension (backend/bf16_units.hpp).
#pragma once

#include <atomic>

#include "backend/bf16_units.hpp"
#include "kernels/tile_products.hpp"

namespace jespr::kernels {

/// Pairs in a row of a rounded operand of inner dimension `depth`; beyond the last number are
/// zeros.
constexpr int whole_pairs(int depth) {
  return ((depth + 1) / 2 + pairs_at_once - 1) / pairs_at_once * pairs_at_once;
}

/// out[i, k / 2] = x [rows, depth], rounded; rows of whole pairs.
inline void round_rows(const float* x, int stride, int rows, int depth, Bf16Pair* out) {
  const int pairs = whole_pairs(depth), whole = depth / 2;
  for (int i = 0; i < rows; ++i, x += stride, out += pairs) {
    for (int k = 0; k < whole; ++k) out[k] = bf16_pair(x[2 * k], x[2 * k + 1]);
    for (int k = whole; k < pairs; ++k) out[k] = 2 * k < depth ? bf16_pair(x[2 * k], 0) : 0;
  }
}

/// out[c, i / 2] = x [rows, columns] transposed, rounded; rows of whole pairs.
inline void round_transposed(const float* x, int stride, int rows, int columns, Bf16Pair* out) {
  const int pairs = whole_pairs(rows);
  for (int k = 0; k < pairs; ++k) {
    const float* const first = x + 2 * k * stride;
    for (int c = 0; c < columns; ++c)
      out[c * pairs + k] = 2 * k + 1 < rows ? bf16_pair(first[c], first[stride + c])
                           : 2 * k < rows   ? bf16_pair(first[c], 0)
                                            : 0;
  }
}

/// Pairs of a packed b [depth, columns].
constexpr std::size_t packed_pairs(int depth, int columns) {
  return static_cast<std::size_t>(whole_pairs(depth)) *
         static_cast<std::size_t>(whole_vectors<float>(columns));
}

/// Two vectors of columns from `first` on of b [depth, columns], rounded, as `pack_columns`.
inline void pack_pairs(Tile<float> b, int depth, int columns, int first, Bf16Pair* packed) {
  constexpr int most = 2 * simd_lanes<float>;
  const int left = whole_vectors<float>(columns) - first, width = left < most ? left : most;
  const int pairs = whole_pairs(depth), filled = columns - first < width ? columns - first : width;
  Bf16Pair* to = packed + first * pairs;
  for (int k = 0; k < pairs; ++k, to += width) {
    const bool has_first = 2 * k < depth, has_second = 2 * k + 1 < depth;
    if (has_second && b.column == 1) {
      const float *const upper = b.at(2 * k, first), *const lower = b.at(2 * k + 1, first);
      for (int j = 0; j < filled; ++j) to[j] = bf16_pair(upper[j], lower[j]);
    } else {
      for (int j = 0; j < filled; ++j)
        to[j] = bf16_pair(has_first ? *b.at(2 * k, first + j) : 0.0f,
                          has_second ? *b.at(2 * k + 1, first + j) : 0.0f);
    }
    for (int j = filled; j < width; ++j) to[j] = 0;
  }
}

namespace detail {

/// As `rows_at_once`; where no unit multiplies pairs, their halves need registers, too.
inline constexpr int pair_rows_at_once = vector_registers == 32 ? 12 : 4;

/// Q rows of V vectors of `pair_product`.
template <int Q, int V, Old old>
inline void register_pair_product(int pairs, const Bf16Pair* a, const Bf16Pair* b, int ldb,
                                  float* c, int ldc) {
  constexpr int lanes = simd_lanes<float>;
  Simd<float> sum[Q][V] = {};
  if constexpr (old != Old::dropped)
    for (int q = 0; q < Q; ++q)
      for (int v = 0; v < V; ++v) sum[q][v] = load(c + q * ldc + v * lanes);
  for (int k = 0; k < pairs; ++k) {
    Simd<Bf16Pair> row[V];
    for (int v = 0; v < V; ++v) row[v] = load(b + k * ldb + v * lanes);
    for (int q = 0; q < Q; ++q) {
      const Simd<Bf16Pair> number = Simd<Bf16Pair>{} + a[q * pairs + k];
      for (int v = 0; v < V; ++v) sum[q][v] = add_pair_products(sum[q][v], number, row[v]);
    }
  }
  for (int q = 0; q < Q; ++q)
    for (int v = 0; v < V; ++v) store(c + q * ldc + v * lanes, sum[q][v]);
}

template <int Q, int V, Old old>
inline void rows_pair_product(int rows, int pairs, const Bf16Pair* a, const Bf16Pair* b, int ldb,
                              float* c, int ldc) {
  int i = 0;
  for (; i + Q <= rows; i += Q)
    register_pair_product<Q, V, old>(pairs, a + i * pairs, b, ldb, c + i * ldc, ldc);
  if constexpr (Q > 1)
    if (i < rows)
      rows_pair_product<Q / 2, V, old>(rows - i, pairs, a + i * pairs, b, ldb, c + i * ldc, ldc);
}

#ifdef JESPR_BF16_TILES

/// R tiles of rows by V of columns; registers 0 to 3 hold sums, 4 and 5 a, 6 and 7 b. The names of
/// tile registers are part of the instructions.
template <int R, int V, Old old>
inline void tile_pair_product(int pairs, const Bf16Pair* a, const Bf16Pair* b, int ldb, float* c,
                              int ldc) {
  constexpr int word = 4;  // bytes
  const int a_bytes = pairs * word, b_bytes = ldb * word, c_bytes = ldc * word;
  const auto at = [&](int r, int v) { return c + r * bf16_tile * ldc + v * bf16_tile; };
  std::atomic_signal_fence(std::memory_order_seq_cst);  // compilers do not see what tiles load
  if constexpr (old == Old::dropped) {
    _tile_zero(0);
    if constexpr (V > 1) _tile_zero(1);
    if constexpr (R > 1) _tile_zero(2);
    if constexpr (R > 1 && V > 1) _tile_zero(3);
  } else {
    _tile_loadd(0, at(0, 0), c_bytes);
    if constexpr (V > 1) _tile_loadd(1, at(0, 1), c_bytes);
    if constexpr (R > 1) _tile_loadd(2, at(1, 0), c_bytes);
    if constexpr (R > 1 && V > 1) _tile_loadd(3, at(1, 1), c_bytes);
  }
  for (int k = 0; k < pairs; k += bf16_tile) {
    _tile_loadd(4, a + k, a_bytes);
    _tile_loadd(6, b + k * ldb, b_bytes);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (V > 1) {
      _tile_loadd(7, b + k * ldb + bf16_tile, b_bytes);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (R > 1) {
      _tile_loadd(5, a + bf16_tile * pairs + k, a_bytes);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (V > 1) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, at(0, 0), c_bytes);
  if constexpr (V > 1) _tile_stored(1, at(0, 1), c_bytes);
  if constexpr (R > 1) _tile_stored(2, at(1, 0), c_bytes);
  if constexpr (R > 1 && V > 1) _tile_stored(3, at(1, 1), c_bytes);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

#endif

/// All rows of V vectors of columns: by tiles what fills them, the rest by vectors.
template <int V, Old old>
inline void panel_pair_product(int rows, int pairs, const Bf16Pair* a, const Bf16Pair* b, float* c,
                               int ldc) {
  const int ldb = V * simd_lanes<float>;
  int i = 0;
#ifdef JESPR_BF16_TILES
  if (Bf16Tiles::lent()) {
    for (; i + 2 * bf16_tile <= rows; i += 2 * bf16_tile)
      tile_pair_product<2, V, old>(pairs, a + i * pairs, b, ldb, c + i * ldc, ldc);
    for (; i + bf16_tile <= rows; i += bf16_tile)
      tile_pair_product<1, V, old>(pairs, a + i * pairs, b, ldb, c + i * ldc, ldc);
  }
#endif
  rows_pair_product<pair_rows_at_once, V, old>(rows - i, pairs, a + i * pairs, b, ldb, c + i * ldc,
                                               ldc);
}

}  // namespace detail

/// c[i, j] = old + sum_k a[i, k] b[k, j] for i < rows and j < columns (whole vectors), from `pairs`
/// rounded pairs of each row of a and a packed b. In a thread that has Bf16Tiles.
template <Old old>
void pair_product(int rows, int columns, int pairs, const Bf16Pair* a, const Bf16Pair* packed,
                  float* c, int ldc) {
  static_assert(old != Old::scaled);
  constexpr int lanes = simd_lanes<float>;
  int j = 0;
  for (; j + 2 * lanes <= columns; j += 2 * lanes)
    detail::panel_pair_product<2, old>(rows, pairs, a, packed + j * pairs, c + j, ldc);
  if (j < columns)
    detail::panel_pair_product<1, old>(rows, pairs, a, packed + j * pairs, c + j, ldc);
}

}  // namespace jespr::kernels
