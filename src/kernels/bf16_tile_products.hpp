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

namespace detail {

/// out[k / 2] = x[k] for k < depth, rounded; whole pairs.
inline void round_row(const float* x, int depth, Bf16Pair* out) {
  constexpr int lanes = simd_lanes<Bf16Pair>;
  const int pairs = whole_pairs(depth), whole = depth / 2;
  int k = 0;
  for (; k + lanes <= whole; k += lanes) store(out + k, bf16_pairs_of(x + 2 * k));
  for (; k < whole; ++k) out[k] = bf16_pair(x[2 * k], x[2 * k + 1]);
  for (; k < pairs; ++k) out[k] = 2 * k < depth ? bf16_pair(x[2 * k], 0) : 0;
}

/// Numbers `first` and `second` of two rows in pairs; without a second row they pair with zeros.
inline void pair_rows(const float* first, const float* second, int columns, Bf16Pair* out) {
  constexpr int lanes = simd_lanes<float>;
  int c = 0;
  for (; c + lanes <= columns; c += lanes)
    store(out + c, bf16_pairs(load(first + c), second ? load(second + c) : Simd<float>{}));
  for (; c < columns; ++c) out[c] = bf16_pair(first[c], second ? second[c] : 0);
}

}  // namespace detail

/// The left operand x [rows, depth], rounded.
inline Tile<Bf16Pair> round_rows(const float* x, int stride, int rows, int depth, Bf16Pair* out) {
  const int pairs = whole_pairs(depth);
  for (int i = 0; i < rows; ++i) detail::round_row(x + i * stride, depth, out + i * pairs);
  return {out, pairs};
}

/// Pairs of a left operand of so many rows, as it is or turned.
constexpr std::size_t left_pairs(int rows, int depth) {
  return static_cast<std::size_t>(whole_vectors<float>(rows)) *
         static_cast<std::size_t>(whole_pairs(depth));
}

/// The left operand that is x [depth, rows] transposed, rounded. Tiles need its pairs along the
/// inner dimension to lie together; without them rows of x need not be taken apart.
inline Tile<Bf16Pair> round_transposed(const float* x, int stride, int depth, int rows,
                                       Bf16Pair* out) {
  const int pairs = whole_pairs(depth);
  const auto row = [&](int i) { return i < depth ? x + i * stride : nullptr; };
  if constexpr (has_bf16_tiles) {
    for (int k = 0; k < pairs; ++k)
      for (int c = 0; c < rows; ++c)
        out[c * pairs + k] =
            2 * k < depth ? bf16_pair(row(2 * k)[c], 2 * k + 1 < depth ? row(2 * k + 1)[c] : 0) : 0;
    return {out, pairs};
  }
  const int width = whole_vectors<float>(rows);
  for (int k = 0; k < pairs; ++k)
    detail::pair_rows(row(2 * k), row(2 * k + 1), rows, out + k * width);
  return {out, 1, width};
}

/// Pairs of a packed b [depth, columns].
constexpr std::size_t packed_pairs(int depth, int columns) {
  return static_cast<std::size_t>(whole_pairs(depth)) *
         static_cast<std::size_t>(whole_vectors<float>(columns));
}

/// Two vectors of columns from `first` on of b [depth, columns], rounded, as `pack_columns`. One of
/// the two strides of b is 1.
inline void pack_pairs(Tile<float> b, int depth, int columns, int first, Bf16Pair* packed) {
  constexpr int lanes = simd_lanes<float>;
  const int left = whole_vectors<float>(columns) - first,
            width = left < 2 * lanes ? left : 2 * lanes;
  const int pairs = whole_pairs(depth), filled = columns - first < width ? columns - first : width;
  Bf16Pair* const to = packed + first * pairs;
  if (b.column == 1) {
    for (int k = 0; 2 * k < depth; ++k)
      detail::pair_rows(b.at(2 * k, first), 2 * k + 1 < depth ? b.at(2 * k + 1, first) : nullptr,
                        filled, to + k * width);
  } else {
    for (int j = 0; j < filled; ++j)  // in the order in which the numbers lie
      for (int k = 0; 2 * k < depth; k += lanes) {
        Bf16Pair row[lanes];
        const int rest = depth - 2 * k, count = rest < 2 * lanes ? (rest + 1) / 2 : lanes;
        detail::round_row(b.at(2 * k, first + j), rest < 2 * lanes ? rest : 2 * lanes, row);
        for (int i = 0; i < count; ++i) to[(k + i) * width + j] = row[i];
      }
  }
  for (int k = 0; k < pairs; ++k)
    for (int j = 2 * k < depth ? filled : 0; j < width; ++j) to[k * width + j] = 0;
}

namespace detail {

/// As `rows_at_once`; where no unit multiplies pairs, their halves need registers, too.
inline constexpr int pair_rows_at_once = vector_registers == 32 ? 12 : 4;

/// Q rows of V vectors of `pair_product`.
template <int Q, int V, Old old>
inline void register_pair_product(int pairs, Tile<Bf16Pair> a, const Bf16Pair* b, int ldb, float* c,
                                  int ldc) {
  constexpr int lanes = simd_lanes<float>;
  Simd<float> sum[Q][V] = {};
  if constexpr (old != Old::dropped)
    unrolled<Q, V>([&](int q, int v) { sum[q][v] = load(c + q * ldc + v * lanes); });
  for (int k = 0; k < pairs; ++k) {
    Simd<Bf16Pair> row[V];
    unrolled<1, V>([&](int, int v) { row[v] = load(b + k * ldb + v * lanes); });
    unrolled<Q, 1>([&](int q, int) {
      const Simd<Bf16Pair> number = Simd<Bf16Pair>{} + *a.at(q, k);
      unrolled<1, V>([&](int, int v) { sum[q][v] = add_pair_products(sum[q][v], number, row[v]); });
    });
  }
  unrolled<Q, V>([&](int q, int v) { store(c + q * ldc + v * lanes, sum[q][v]); });
}

template <int Q, int V, Old old>
inline void rows_pair_product(int rows, int pairs, Tile<Bf16Pair> a, const Bf16Pair* b, int ldb,
                              float* c, int ldc) {
  int i = 0;
  for (; i + Q <= rows; i += Q)
    register_pair_product<Q, V, old>(pairs, a.from_row(i), b, ldb, c + i * ldc, ldc);
  if constexpr (Q > 1)
    if (i < rows)
      rows_pair_product<fewer_rows(Q), V, old>(rows - i, pairs, a.from_row(i), b, ldb, c + i * ldc,
                                               ldc);
}

#ifdef JESPR_BF16_TILES

/// R tiles of rows by V of columns; registers 0 to 3 hold sums, 4 and 5 a, 6 and 7 b. The names of
/// tile registers are part of the instructions.
template <int R, int V, Old old>
inline void tile_pair_product(int pairs, Tile<Bf16Pair> a, const Bf16Pair* b, int ldb, float* c,
                              int ldc) {
  constexpr int word = 4;  // bytes
  const int a_bytes = a.row * word, b_bytes = ldb * word, c_bytes = ldc * word;
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
    _tile_loadd(4, a.at(0, k), a_bytes);
    _tile_loadd(6, b + k * ldb, b_bytes);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (V > 1) {
      _tile_loadd(7, b + k * ldb + bf16_tile, b_bytes);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (R > 1) {
      _tile_loadd(5, a.at(bf16_tile, k), a_bytes);
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
inline void panel_pair_product(int rows, int pairs, Tile<Bf16Pair> a, const Bf16Pair* b, float* c,
                               int ldc) {
  const int ldb = V * simd_lanes<float>;
  int i = 0;
#ifdef JESPR_BF16_TILES
  if (Bf16Tiles::lent()) {
    for (; i + 2 * bf16_tile <= rows; i += 2 * bf16_tile)
      tile_pair_product<2, V, old>(pairs, a.from_row(i), b, ldb, c + i * ldc, ldc);
    for (; i + bf16_tile <= rows; i += bf16_tile)
      tile_pair_product<1, V, old>(pairs, a.from_row(i), b, ldb, c + i * ldc, ldc);
  }
#endif
  rows_pair_product<pair_rows_at_once, V, old>(rows - i, pairs, a.from_row(i), b, ldb, c + i * ldc,
                                               ldc);
}

}  // namespace detail

/// c[i, j] = old + sum_k a[i, k] b[k, j] for i < rows and j < columns (whole vectors), from `pairs`
/// rounded pairs of each row of a left operand and a packed b. In a thread that has Bf16Tiles.
template <Old old>
void pair_product(int rows, int columns, int pairs, Tile<Bf16Pair> a, const Bf16Pair* packed,
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
