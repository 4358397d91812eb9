// Dropout with masks that are functions of what is dropped, not of where it lies in memory:
// key (seed, step), counter (protein, site, row in the protein, column / 4). The mask is never
// stored: backward draws it again.
#pragma once

#include "base/philox.hpp"
#include "tensor/loops.hpp"
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

/// What decides the masks of one row: counters {identity, site, row, column / 4}.
struct DropoutRow {
  PhiloxKey key;
  std::uint32_t identity, site, row, threshold;

  KOKKOS_INLINE_FUNCTION bool drops(std::uint32_t word) const { return word < threshold; }
};

/// Masks of all rows of a pass, or none.
struct RowDropout {
  bool on = false;
  PhiloxKey key = {};
  std::uint32_t site = 0, threshold = 0;
  double kept = 1;  // factor of what is not dropped
  Vector<const int> protein, starts, identity;

  RowDropout() = default;
  RowDropout(const Offsets& offsets, PhiloxKey k, std::uint32_t s, double rate)
      : on(true),
        key(k),
        site(s),
        threshold(dropout_threshold(rate)),
        kept(1.0 / (1.0 - rate)),
        protein(offsets.protein),
        starts(offsets.starts),
        identity(offsets.identity) {}

  KOKKOS_FUNCTION DropoutRow draw(int i) const {
    const int b = protein(i);
    return {key, static_cast<std::uint32_t>(identity(b)), site,
            static_cast<std::uint32_t>(i - starts(b)), threshold};
  }
};

/// Calls f(c, drops) for c in [0, n), the columns first + c of a row; four columns share a block,
/// and a CPU draws many blocks at once. `first` is a multiple of 4.
template <class F>
KOKKOS_FORCEINLINE_FUNCTION void for_each_mask(const HostRow& row, const DropoutRow& draw, int n,
                                               const F& f, int first = 0) {
  constexpr int at_once = 256;
  std::uint32_t words[at_once];
  for (int begin = 0; begin < n; begin += at_once) {
    const int count = n - begin < at_once ? n - begin : at_once;
    philox_blocks(draw.key, {draw.identity, draw.site, draw.row},
                  static_cast<std::uint32_t>((first + begin) / 4), (count + 3) / 4, words);
    row.for_each(count, [&](int c) { f(begin + c, draw.drops(words[c])); });
  }
}
template <class F>
KOKKOS_FORCEINLINE_FUNCTION void for_each_mask(const WarpRow& row, const DropoutRow& draw, int n,
                                               const F& f) {
  row.for_each((n + 3) / 4, [&](int quad) {
    const PhiloxBlock block =
        philox(draw.key, {{draw.identity, draw.site, draw.row, static_cast<std::uint32_t>(quad)}});
    for (int lane = 0; lane < 4 && 4 * quad + lane < n; ++lane)
      f(4 * quad + lane, draw.drops(block.word[lane]));
  });
}

/// x [N, C] *= mask / (1 - rate); the same call on dx is its backward.
template <class T>
void dropout(Matrix<T> x, const Offsets& offsets, PhiloxKey key, std::uint32_t site, double rate);

}  // namespace jespr::kernels
