// Transposes in blocks whose lines stay in the first cache.
#include "backend/turned_operand.hpp"

#include <algorithm>

namespace jespr {

void TurnedOperand::grow(std::size_t size) {
  if (size <= copy_.size()) return;
  copy_ = {};  // the old one goes first
  copy_ = Kokkos::View<float*, Kokkos::HostSpace>(
      Kokkos::view_alloc(Kokkos::WithoutInitializing, "turned operand"), size);
}

const float* TurnedOperand::turn(const float* b, int rows, int columns, int stride) {
  constexpr int block_rows = 16, block_columns = 256;  // a line of the copy; a piece for a thread
  grow(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
  float* const out = copy_.data();
  const int down = (rows + block_rows - 1) / block_rows,
            across = (columns + block_columns - 1) / block_columns;
  Kokkos::parallel_for(
      "turn operand", Kokkos::RangePolicy<Kokkos::DefaultHostExecutionSpace>(0, down * across),
      [=](const int block) {
        const int i0 = block % down * block_rows, i1 = std::min(rows, i0 + block_rows);
        const int k0 = block / down * block_columns, k1 = std::min(columns, k0 + block_columns);
        for (int k = k0; k < k1; ++k)
          for (int i = i0; i < i1; ++i)
            out[static_cast<std::size_t>(k) * rows + i] =
                b[static_cast<std::size_t>(i) * stride + k];
      });
  return out;
}

void TurnedOperand::reserve(double factor) {
  grow(static_cast<std::size_t>(factor * static_cast<double>(copy_.size())));
}

}  // namespace jespr
