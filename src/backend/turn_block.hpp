// turn_block: the transpose of a small block of numbers, for copies that products read.
#pragma once

#include <algorithm>
#include <cstddef>

namespace jespr {

/// Rows and columns of a block: 16 floats are a cache line.
inline constexpr int turned_block = 16;

/// out[k, i] = x[i, k] for i < rows, k < columns, both at most `turned_block`. Lines of x are read
/// once and as a whole: rows that lie a power of two apart push each other out of the first cache.
template <class T>
void turn_block(const T* x, std::size_t stride, int rows, int columns, T* out,
                std::size_t out_stride) {
  T lines[turned_block][turned_block];
  const auto turn = [&](int i_end, int k_end) {
    for (int i = 0; i < i_end; ++i)
      std::copy_n(x + static_cast<std::size_t>(i) * stride, k_end, lines[i]);
    for (int k = 0; k < k_end; ++k)
      for (int i = 0; i < i_end; ++i)
        out[static_cast<std::size_t>(k) * out_stride + i] = lines[i][k];
  };
  if (rows == turned_block && columns == turned_block)
    turn(turned_block, turned_block);  // of a size that the compiler knows
  else
    turn(rows, columns);
}

}  // namespace jespr
