// Masks of attention probabilities: counter (protein, site and head, query, key / 4).
#pragma once

#include <cstdint>

#include "kernels/attention.hpp"
#include "kernels/dropout.hpp"

namespace jespr::kernels {

/// Each head draws at a site of its own.
KOKKOS_INLINE_FUNCTION std::uint32_t site_of_head(std::uint32_t site, int head) {
  constexpr std::uint32_t golden_ratio = 0x9E3779B9u;  // spreads neighbours far apart
  return site ^ (static_cast<std::uint32_t>(head) + 1) * golden_ratio;
}

struct AttentionMasks {
  bool on;
  std::uint32_t threshold, site;
  PhiloxKey key;
  double kept;  // what a probability that is not dropped is multiplied by

  explicit AttentionMasks(const AttentionDropout& dropout)
      : on(dropout.rate > 0),
        threshold(dropout_threshold(dropout.rate)),
        site(dropout.site),
        key(dropout.key),
        kept(1.0 / (1.0 - dropout.rate)) {}

  template <class T>
  KOKKOS_INLINE_FUNCTION T factor(int identity, int head, int query, int other) const {
    return dropout_factor<T>(key, site_of_head(site, head), static_cast<std::uint32_t>(identity),
                             static_cast<std::uint32_t>(query), static_cast<std::uint32_t>(other),
                             threshold, static_cast<T>(kept));
  }

  /// x[j] becomes the factor of key first + j; `first` is a multiple of 4. On a CPU.
  template <class T>
  void factors(int identity, int head, int query, int first, int count, T* x) const {
    const DropoutRow draw{key, static_cast<std::uint32_t>(identity), site_of_head(site, head),
                          static_cast<std::uint32_t>(query), threshold};
    for_each_mask(
        HostRow{0}, draw, count,
        [&](int j, bool drops) { x[j] = drops ? T(0) : static_cast<T>(kept); }, first);
  }
};

}  // namespace jespr::kernels
