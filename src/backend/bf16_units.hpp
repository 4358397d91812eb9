// What CPUs have for products of bf16 numbers with sums in f32: vectors of pairs (AVX512_BF16) and
// tiles (AMX). Elsewhere pairs are multiplied in f32, where their products are exact.
#pragma once

#include <array>
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

/// `bf16_pair` in each lane. Units, here as in products, take numbers below f32's normal range for
/// zero.
inline Simd<Bf16Pair> bf16_pairs(Simd<float> first, Simd<float> second) {
#ifdef JESPR_BF16_PAIRS
  const auto halves = std::bit_cast<__m512i>(_mm512_cvtne2ps_pbh(
      std::bit_cast<__m512>(second), std::bit_cast<__m512>(first)));  // first ..., second ...
  alignas(64) static constexpr auto in_turn = [] {
    std::array<std::uint16_t, 32> from{};
    for (std::uint16_t i = 0; i < 16; ++i) {
      from[2 * i] = i;
      from[2 * i + 1] = i + 16;
    }
    return from;
  }();
  const __m512i order = _mm512_load_si512(in_turn.data());
  return std::bit_cast<Simd<Bf16Pair>>(_mm512_permutexvar_epi16(order, halves));
#else
  const auto upper_half = [](Simd<float> x) {  // as `to_bf16`
    const auto bits = std::bit_cast<Simd<Bf16Pair>>(x);
    const Simd<Bf16Pair> to_even = bits + 0x7fffu + ((bits >> 16) & 1u), quiet = bits | 0x400000u;
    return ((bits & 0x7fffffffu) > 0x7f800000u ? quiet : to_even) & 0xffff0000u;
  };
  return (upper_half(first) >> 16) | upper_half(second);
#endif
}

/// The pairs of twice as many numbers as a vector has lanes, which follow each other in memory.
inline Simd<Bf16Pair> bf16_pairs_of(const float* x) {
#ifdef JESPR_BF16_PAIRS
  return std::bit_cast<Simd<Bf16Pair>>(_mm512_cvtne2ps_pbh(
      std::bit_cast<__m512>(load(x + simd_lanes<float>)), std::bit_cast<__m512>(load(x))));
#else
  Bf16Pair pairs[simd_lanes<Bf16Pair>];
  for (int i = 0; i < simd_lanes<Bf16Pair>; ++i) pairs[i] = bf16_pair(x[2 * i], x[2 * i + 1]);
  return load(pairs);
#endif
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
