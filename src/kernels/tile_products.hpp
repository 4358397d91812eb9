// Products of tiles that lie in a CPU's cache, a few rows (`Q`) at a time, so that the sums stay in
// registers. Row lengths are whole vectors (backend/simd.hpp); what pads them is zero.
#pragma once

#include "backend/simd.hpp"

namespace jespr::kernels {

/// Rows of a tile: with two vectors to each they fill half of the registers.
inline constexpr int tile_rows = vector_registers / 4;

/// s[q, j] = sum_d a[q, d] bt[d, j] for j < columns, a multiple of two vectors. Rows of a, bt and s
/// lie `lda`, `ldb`, `lds` apart.
template <class T, int Q = tile_rows>
inline void tile_product(const T* a, int lda, const T* bt, int ldb, int depth, int columns, T* s,
                         int lds) {
  constexpr int lanes = simd_lanes<T>;
  for (int j = 0; j < columns; j += 2 * lanes) {
    Simd<T> sum[Q][2] = {};
    for (int d = 0; d < depth; ++d) {
      const Simd<T> b0 = load(bt + d * ldb + j), b1 = load(bt + d * ldb + j + lanes);
      for (int q = 0; q < Q; ++q) {
        sum[q][0] += a[q * lda + d] * b0;
        sum[q][1] += a[q * lda + d] * b1;
      }
    }
    for (int q = 0; q < Q; ++q) {
      store(s + q * lds + j, sum[q][0]);
      store(s + q * lds + j + lanes, sum[q][1]);
    }
  }
}

/// out[q, c] = factor[q] out[q, c] + sum_j p[q, j] b[j, c] for c < columns, a multiple of a vector.
template <class T, int Q = tile_rows>
inline void add_tile_product(const T* factor, const T* p, int ldp, const T* b, int ldb, int depth,
                             int columns, T* out, int ldo) {
  constexpr int lanes = simd_lanes<T>;
  const auto columns_at = [&]<int V>(int c) {
    Simd<T> sum[Q][V];
    for (int q = 0; q < Q; ++q)
      for (int v = 0; v < V; ++v) sum[q][v] = factor[q] * load(out + q * ldo + c + v * lanes);
    for (int j = 0; j < depth; ++j) {
      Simd<T> row[V];
      for (int v = 0; v < V; ++v) row[v] = load(b + j * ldb + c + v * lanes);
      for (int q = 0; q < Q; ++q)
        for (int v = 0; v < V; ++v) sum[q][v] += p[q * ldp + j] * row[v];
    }
    for (int q = 0; q < Q; ++q)
      for (int v = 0; v < V; ++v) store(out + q * ldo + c + v * lanes, sum[q][v]);
  };
  int c = 0;
  for (; c + 2 * lanes <= columns; c += 2 * lanes) columns_at.template operator()<2>(c);
  if (c < columns) columns_at.template operator()<1>(c);
}

/// out[j, c] += sum_q p[q, j] a[q, c] for j < rows, c < columns, a multiple of a vector.
template <class T, int Q = tile_rows>
inline void add_outer_product(const T* p, int ldp, const T* a, int lda, int rows, int columns,
                              T* out, int ldo) {
  for (int c = 0; c < columns; c += simd_lanes<T>) {
    Simd<T> row[Q];
    for (int q = 0; q < Q; ++q) row[q] = load(a + q * lda + c);
    for (int j = 0; j < rows; ++j) {
      Simd<T> sum = load(out + j * ldo + c);
      for (int q = 0; q < Q; ++q) sum += p[q * ldp + j] * row[q];
      store(out + j * ldo + c, sum);
    }
  }
}

}  // namespace jespr::kernels
