// What CPUs have for products of bf16 numbers with sums in f32: vectors of pairs (AVX512_BF16) and
// tiles (AMX). Elsewhere pairs are multiplied in f32, where their products are exact.
#pragma once

#include <bit>
#include <cstdint>

#include "backend/bf16.hpp"
#include "backend/simd.hpp"

#if defined(__AVX512BF16__) && !defined(__NVCC__)
#define JESPR_BF16_PAIRS
#endif
#if defined(__AMX_BF16__) && defined(__AMX_TILE__) && defined(JESPR_BF16_PAIRS)
#define JESPR_BF16_TILES
#endif
#ifdef JESPR_BF16_PAIRS
#include <immintrin.h>
#endif

namespace jespr {

/// Two bf16 numbers that follow each other along the inner dimension of a product: the first in the
/// lower half.
using Bf16Pair = std::uint32_t;

inline Bf16Pair bf16_pair(float first, float second) {
  return to_bf16(first).bits | static_cast<Bf16Pair>(to_bf16(second).bits) << 16;
}

/// sum + a_0 b_0 + a_1 b_1, in each lane.
inline Simd<float> add_pair_products(Simd<float> sum, Simd<Bf16Pair> a, Simd<Bf16Pair> b) {
#ifdef JESPR_BF16_PAIRS
  return std::bit_cast<Simd<float>>(_mm512_dpbf16_ps(
      std::bit_cast<__m512>(sum), std::bit_cast<__m512bh>(a), std::bit_cast<__m512bh>(b)));
#else
  constexpr Bf16Pair upper = 0xffff0000u;
  const auto number = [](Simd<Bf16Pair> bits) { return std::bit_cast<Simd<float>>(bits); };
  sum += number(a << 16) * number(b << 16);
  return sum + number(a & upper) * number(b & upper);
#endif
}

/// Rows of a tile and pairs in a row of it, where there are such units.
inline constexpr int bf16_tile = 16;
#ifdef JESPR_BF16_TILES
inline constexpr bool has_bf16_tiles = true;
#else
inline constexpr bool has_bf16_tiles = false;
#endif

/// Inner dimensions of products are filled with zero pairs up to a multiple of this.
inline constexpr int pairs_at_once = has_bf16_tiles ? bf16_tile : 1;

/// While it exists, this thread may multiply tiles: it sets their shape, which libraries set, too.
/// Where there are none, or the operating system lends no registers for them, it does nothing.
class Bf16Tiles {
 public:
  Bf16Tiles();
  ~Bf16Tiles();
  Bf16Tiles(const Bf16Tiles&) = delete;
  Bf16Tiles& operator=(const Bf16Tiles&) = delete;

  /// Whether there are tiles that this process may use. The system is asked once.
  static bool lent();
};

}  // namespace jespr
