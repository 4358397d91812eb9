// Random draws of the data side: what names a draw, so that it depends on nothing else. A protein
// comes at most once in an epoch; so (seed, purpose, epoch, protein, place) names everything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/philox.hpp"

namespace jespr::data {

/// Index of the PhiloxStream of one protein in one epoch.
constexpr std::uint64_t draw_index(std::int64_t epoch, int identity) {
  return static_cast<std::uint64_t>(epoch) << 32 | static_cast<std::uint32_t>(identity);
}

/// Four random words for block `block` of residue `residue` of a protein in an epoch.
inline PhiloxBlock draw_block(std::uint64_t seed, std::uint32_t site, std::int64_t epoch,
                              int identity, int residue, int block = 0) {
  const PhiloxKey key{
      {static_cast<std::uint32_t>(seed) ^ site, static_cast<std::uint32_t>(seed >> 32)}};
  return philox(key, {{static_cast<std::uint32_t>(identity), static_cast<std::uint32_t>(epoch),
                       static_cast<std::uint32_t>(residue), static_cast<std::uint32_t>(block)}});
}

/// What names crop `crop` of a protein's sequence in draws of the sequence encoder: the first as
/// the protein, no two crops of a protein alike. In datasets of more than 2^24 chains crops of two
/// proteins may share a name, and so a pattern of dropout where they meet in a batch.
constexpr int identity_of_crop(int identity, int crop) {
  constexpr int bits_of_chains = 24;
  return identity ^ (crop << bits_of_chains);
}

/// Shuffles a range in place (Fisher & Yates; Durstenfeld 1964, CACM 7:420).
template <class Range>
void shuffle(Range& range, PhiloxStream& draws) {
  using std::swap;
  for (std::size_t left = range.size(); left > 1; --left)
    swap(range[left - 1], range[draws.below(static_cast<std::uint32_t>(left))]);
}

}  // namespace jespr::data
