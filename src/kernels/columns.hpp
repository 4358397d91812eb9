// Column sums in a fixed order: bias and gain gradients. Rows are cut into blocks of fixed size,
// each block is summed by itself, then the blocks in their order: bits do not depend on threads.
#pragma once

#include "tensor/arena.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {

inline constexpr int column_block = 128;  // rows per partial sum

/// out[k][c] += sum_i terms(i, c)[k], i < n, c < columns: K sums in one pass. `terms` is called
/// once for each (i, c), so that it may write there, too. Temporary memory from `scratch`.
template <class T, int K, class F>
void add_column_sums(const char* name, Workspace& scratch, int n, int columns,
                     const Kokkos::Array<Vector<T>, K>& out, const F& terms) {
  if (n == 0 || columns == 0) return;
  const int blocks = (n + column_block - 1) / column_block;
  Scope scope(scratch);
  const Matrix<T> partial = scratch.matrix<T>(blocks, K * columns);
  if constexpr (device_is_host) {
    for_rows(
        name, blocks, KOKKOS_LAMBDA(const Row& block) {
          T* const sums = &partial(block.index, 0);
          const int begin = block.index * column_block;
          const int end = begin + column_block < n ? begin + column_block : n;
          block.for_each(K * columns, [&](int c) { sums[c] = 0; });
          for (int i = begin; i < end; ++i)
            block.for_each(columns, [&](int c) {
              const Kokkos::Array<T, K> term = terms(i, c);
              for (int k = 0; k < K; ++k) sums[k * columns + c] += term[k];
            });
        });
  } else {  // a thread for each column of a block: a warp for all of them would be too few
    for_each(
        name, static_cast<std::size_t>(blocks) * columns, KOKKOS_LAMBDA(const std::size_t task) {
          const int b = static_cast<int>(task / columns), c = static_cast<int>(task % columns);
          const int begin = b * column_block;
          const int end = begin + column_block < n ? begin + column_block : n;
          Kokkos::Array<T, K> sum{};
          for (int i = begin; i < end; ++i) {
            const Kokkos::Array<T, K> term = terms(i, c);
            for (int k = 0; k < K; ++k) sum[k] += term[k];
          }
          for (int k = 0; k < K; ++k) partial(b, k * columns + c) = sum[k];
        });
  }
  for_each(
      name, static_cast<std::size_t>(columns), KOKKOS_LAMBDA(const std::size_t c) {
        for (int k = 0; k < K; ++k) {
          T sum = 0;
          for (int b = 0; b < blocks; ++b) sum += partial(b, k * columns + c);
          out[k](c) += sum;
        }
      });
}

/// out[c] += sum_i term(i, c), one sum.
template <class T, class F>
void add_column_sums(const char* name, Workspace& scratch, int n, int columns, Vector<T> out,
                     const F& term) {
  add_column_sums<T, 1>(
      name, scratch, n, columns, {{out}},
      KOKKOS_LAMBDA(int i, int c) { return Kokkos::Array<T, 1>{{term(i, c)}}; });
}

/// out[c] += sum_i dy[i, c].
template <class T>
void add_column_sums(Workspace& scratch, Matrix<T> dy, Vector<T> out) {
  add_column_sums<T>(
      "bias gradient", scratch, static_cast<int>(dy.extent(0)), static_cast<int>(dy.extent(1)), out,
      KOKKOS_LAMBDA(int i, int c) { return dy(i, c); });
}

}  // namespace jespr::kernels
