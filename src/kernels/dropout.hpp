// Dropout with masks that are functions of what is dropped, not of where it lies in memory:
// key (seed, step), counter (protein, site, row in the protein, column / 4). The mask is never
// stored: backward draws it again.
#pragma once

#include "base/philox.hpp"
#include "tensor/offsets.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

/// Words below the threshold are dropped: rate in [0, 1) -> threshold in [0, 2^32).
inline std::uint32_t dropout_threshold(double rate) {
  return static_cast<std::uint32_t>(rate * 4294967296.0);
}

/// 0 or 1 / (1 - rate) for element (row, column) of protein `identity` at `site`.
template <class T>
KOKKOS_INLINE_FUNCTION T dropout_factor(PhiloxKey key, std::uint32_t site, std::uint32_t identity,
                                        std::uint32_t row, std::uint32_t column,
                                        std::uint32_t threshold, T kept) {
  const PhiloxBlock block = philox(key, {{identity, site, row, column / 4}});
  return block.word[column % 4] < threshold ? T(0) : kept;
}

/// x [N, C] *= mask / (1 - rate); the same call on dx is its backward.
template <class T>
void dropout(Matrix<T> x, const Offsets& offsets, PhiloxKey key, std::uint32_t site, double rate);

}  // namespace jespr::kernels
