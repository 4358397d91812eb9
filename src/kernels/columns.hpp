// Column sums in a fixed order: bias and gain gradients. Rows are cut into blocks of fixed size,
// each block is summed by itself, then the blocks in their order: bits do not depend on threads.
#pragma once

#include "tensor/arena.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {

inline constexpr int column_block = 128;  // rows per partial sum

/// out[c] += sum_i term(i, c), i < n, c < columns. Temporary memory from `scratch`.
template <class T, class F>
void add_column_sums(const char* name, Workspace& scratch, int n, int columns, Vector<T> out,
                     const F& term) {
  if (n == 0 || columns == 0) return;
  const int blocks = (n + column_block - 1) / column_block;
  Scope scope(scratch);
  const Matrix<T> partial = scratch.matrix<T>(blocks, columns);
  if constexpr (device_is_host) {
    for_rows(
        name, blocks, KOKKOS_LAMBDA(const Row& block) {
          const int b = block.index;
          const int begin = b * column_block;
          const int end = begin + column_block < n ? begin + column_block : n;
          block.for_each(columns, [&](int c) { partial(b, c) = term(begin, c); });
          for (int i = begin + 1; i < end; ++i)
            block.for_each(columns, [&](int c) { partial(b, c) += term(i, c); });
        });
  } else {  // a thread for each column of a block: a warp for all of them would be too few
    for_each(
        name, static_cast<std::size_t>(blocks) * columns, KOKKOS_LAMBDA(const std::size_t task) {
          const int b = static_cast<int>(task / columns), c = static_cast<int>(task % columns);
          const int begin = b * column_block;
          const int end = begin + column_block < n ? begin + column_block : n;
          T sum = term(begin, c);
          for (int i = begin + 1; i < end; ++i) sum += term(i, c);
          partial(b, c) = sum;
        });
  }
  for_each(
      name, static_cast<std::size_t>(columns), KOKKOS_LAMBDA(const std::size_t c) {
        T sum = 0;
        for (int b = 0; b < blocks; ++b) sum += partial(b, c);
        out(c) += sum;
      });
}

/// out[c] += sum_i dy[i, c].
template <class T>
void add_column_sums(Workspace& scratch, Matrix<T> dy, Vector<T> out) {
  add_column_sums<T>(
      "bias gradient", scratch, static_cast<int>(dy.extent(0)), static_cast<int>(dy.extent(1)), out,
      KOKKOS_LAMBDA(int i, int c) { return dy(i, c); });
}

}  // namespace jespr::kernels
