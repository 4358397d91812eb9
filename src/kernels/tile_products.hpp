// Products of tiles that lie in a CPU's cache. A few rows and two vectors of columns at a time, so
// that their sums stay in registers. Row lengths are whole vectors (backend/simd.hpp).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>

#include "backend/simd.hpp"
#include "backend/turn_block.hpp"

namespace jespr::kernels {

/// A tile, or its transpose: element (i, k) lies at data[i * row + k * column].
template <class T>
struct Tile {
  const T* data;
  int row, column = 1;

  const T* at(int i, int k) const { return data + i * row + k * column; }
  Tile from_row(int i) const { return {at(i, 0), row, column}; }
};

/// What becomes of the old values of a product's result.
enum class Old { dropped, kept, scaled };

namespace detail {

/// Rows whose sums of two vectors each leave registers for one row of b and a number of a.
inline constexpr int rows_at_once = vector_registers == 32 ? 12 : 6;

/// How many rows come together where `rows` no longer do.
constexpr int fewer_rows(int rows) {
  return static_cast<int>(std::bit_floor(static_cast<unsigned>(rows - 1)));
}

/// Q rows of V vectors of `tile_product`.
template <int Q, int V, Old old, class T>
inline void register_product(int depth, Tile<T> a, const T* b, int ldb, const T* factor, T* c,
                             int ldc) {
  constexpr int lanes = simd_lanes<T>;
  Simd<T> sum[Q][V] = {};
  if constexpr (old != Old::dropped)
    unrolled<Q, V>([&](int q, int v) {
      sum[q][v] = load(c + q * ldc + v * lanes);
      if constexpr (old == Old::scaled) sum[q][v] *= factor[q];
    });
  for (int k = 0; k < depth; ++k) {
    Simd<T> row[V];
    unrolled<1, V>([&](int, int v) { row[v] = load(b + k * ldb + v * lanes); });
    unrolled<Q, V>([&](int q, int v) { sum[q][v] += *a.at(q, k) * row[v]; });
  }
  unrolled<Q, V>([&](int q, int v) { store(c + q * ldc + v * lanes, sum[q][v]); });
}

/// All rows of V vectors: as many at once as registers allow, then fewer, and so on.
template <int Q, int V, Old old, class T>
inline void rows_product(int rows, int depth, Tile<T> a, const T* b, int ldb, const T* factor, T* c,
                         int ldc) {
  int i = 0;
  for (; i + Q <= rows; i += Q)
    register_product<Q, V, old>(depth, a.from_row(i), b, ldb, factor + i, c + i * ldc, ldc);
  if constexpr (Q > 1)
    if (i < rows)
      rows_product<fewer_rows(Q), V, old>(rows - i, depth, a.from_row(i), b, ldb, factor + i,
                                          c + i * ldc, ldc);
}

}  // namespace detail

/// c[i, j] = old + sum_k a[i, k] b[k, j] for i < rows, k < depth, j < columns (whole vectors), with
/// old = 0, c[i, j] or factor[i] c[i, j]. Rows of b and c lie `ldb` and `ldc` apart. Two vectors of
/// columns are the outer loop: they stay in the first cache for all rows.
template <Old old, class T>
void tile_product(int rows, int columns, int depth, Tile<T> a, const T* b, int ldb, T* c, int ldc,
                  const T* factor = nullptr) {
  constexpr int lanes = simd_lanes<T>, Q = detail::rows_at_once;
  int j = 0;
  for (; j + 2 * lanes <= columns; j += 2 * lanes)
    detail::rows_product<Q, 2, old>(rows, depth, a, b + j, ldb, factor, c + j, ldc);
  if (j < columns) detail::rows_product<Q, 1, old>(rows, depth, a, b + j, ldb, factor, c + j, ldc);
}

/// Numbers of a packed [depth, columns].
template <class T>
constexpr std::size_t packed_size(int depth, int columns) {
  return static_cast<std::size_t>(depth) * static_cast<std::size_t>(whole_vectors<T>(columns));
}

/// Two vectors of columns from `first` on of b [depth, columns] lie together in `packed`, for
/// products that use b many times: whole columns of a wide b share few lines of the first cache.
/// Beyond the last column are zeros. One of the two strides of b is 1.
template <class T>
void pack_columns(Tile<T> b, int depth, int columns, int first, T* packed) {
  const int width = std::min(2 * simd_lanes<T>, whole_vectors<T>(columns) - first),
            filled = std::min(width, columns - first);
  T* const to = packed + first * depth;
  if (b.column == 1) {
    for (int k = 0; k < depth; ++k) std::copy_n(b.at(k, first), filled, to + k * width);
  } else {
    for (int j = 0; j < filled; j += turned_block)
      for (int k = 0; k < depth; k += turned_block)
        turn_block(b.at(k, first + j), static_cast<std::size_t>(b.column),
                   std::min(turned_block, filled - j), std::min(turned_block, depth - k),
                   to + k * width + j, static_cast<std::size_t>(width));
  }
  if (filled < width)
    for (int k = 0; k < depth; ++k) std::fill(to + k * width + filled, to + (k + 1) * width, T(0));
}

/// `tile_product` with a packed b.
template <Old old, class T>
void packed_product(int rows, int columns, int depth, Tile<T> a, const T* packed, T* c, int ldc,
                    const T* factor = nullptr) {
  constexpr int lanes = simd_lanes<T>, Q = detail::rows_at_once;
  int j = 0;
  for (; j + 2 * lanes <= columns; j += 2 * lanes)
    detail::rows_product<Q, 2, old>(rows, depth, a, packed + j * depth, 2 * lanes, factor, c + j,
                                    ldc);
  if (j < columns)
    detail::rows_product<Q, 1, old>(rows, depth, a, packed + j * depth, lanes, factor, c + j, ldc);
}

}  // namespace jespr::kernels
