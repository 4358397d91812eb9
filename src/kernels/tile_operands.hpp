// How the operands of a tile's product lie in the cache: as they are, or rounded to bf16 in pairs.
// A left operand is read by rows or, turned, by columns; a right one [depth, columns] is packed.
#pragma once

#include <cstddef>

#include "kernels/bf16_tile_products.hpp"

namespace jespr::kernels {

/// As they are: left operands need no room. `Units` exist while a thread multiplies.
template <class T>
struct PlainOperands {
  using Real = T;
  using Number = T;
  struct Units {};
  using Left = Tile<T>;

  static constexpr std::size_t right_size(int depth, int columns) {
    return packed_size<T>(depth, columns);
  }
  static constexpr std::size_t left_size(int /*rows*/, int /*depth*/) { return 0; }

  static void pack(Tile<T> b, int depth, int columns, T* out) {
    for (int first = 0; first < columns; first += 2 * simd_lanes<T>)
      pack_columns(b, depth, columns, first, out);
  }
  /// Of x [depth, columns] in rows of whole vectors.
  static const T* right(const T* x, int depth, int columns, T* room) {
    pack({x, whole_vectors<T>(columns)}, depth, columns, room);
    return room;
  }

  static Left left(Tile<T> a, int /*rows*/, int /*depth*/, T* /*room*/) { return a; }
  /// Of x [depth, rows], transposed.
  static Left turned(Tile<T> x, int /*rows*/, int /*depth*/, T* /*room*/) {
    return {x.data, x.column, x.row};
  }

  /// As `packed_product`, into whole vectors of columns.
  template <Old old>
  static void multiply(int rows, int columns, int depth, Left a, const T* right, T* c, int ldc,
                       const T* factor = nullptr) {
    packed_product<old>(rows, columns, depth, a, right, c, ldc, factor);
  }
};

/// Rounded to bf16, with sums in f32.
struct RoundedPairs {
  using Real = float;
  using Number = Bf16Pair;
  using Units = Bf16Tiles;
  using Left = Tile<Bf16Pair>;

  static constexpr std::size_t right_size(int depth, int columns) {
    return packed_pairs(depth, columns);
  }
  static constexpr std::size_t left_size(int rows, int depth) { return left_pairs(rows, depth); }

  static void pack(Tile<float> b, int depth, int columns, Bf16Pair* out) {
    for (int first = 0; first < columns; first += 2 * simd_lanes<float>)
      pack_pairs(b, depth, columns, first, out);
  }
  static const Bf16Pair* right(const float* x, int depth, int columns, Bf16Pair* room) {
    pack({x, whole_vectors<float>(columns)}, depth, columns, room);
    return room;
  }

  static Left left(Tile<float> a, int rows, int depth, Bf16Pair* room) {
    return round_rows(a.data, a.row, rows, depth, room);
  }
  static Left turned(Tile<float> x, int rows, int depth, Bf16Pair* room) {
    return round_transposed(x.data, x.row, depth, rows, room);
  }

  template <Old old>
  static void multiply(int rows, int columns, int depth, Left a, const Bf16Pair* right, float* c,
                       int ldc, const float* factor = nullptr) {
    if constexpr (old == Old::scaled) {
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) c[i * ldc + j] *= factor[i];
      return multiply<Old::kept>(rows, columns, depth, a, right, c, ldc);
    } else {
      pair_product<old>(rows, columns, whole_pairs(depth), a, right, c, ldc);
    }
  }
};

}  // namespace jespr::kernels
