// Philox: normal numbers and host streams.
#include "base/philox.hpp"

#include <cmath>
#include <numbers>

namespace jespr {

void philox_blocks(PhiloxKey key, const std::uint32_t (&prefix)[3], std::uint32_t first, int blocks,
                   std::uint32_t* out) {
  constexpr int lanes = 16;  // blocks at a time, each step of the rounds is one loop over them
  for (int begin = 0; begin < blocks; begin += lanes) {
    std::uint32_t word[4][lanes];
    for (int l = 0; l < lanes; ++l) {
      const PhiloxBlock block = philox(
          key, {{prefix[0], prefix[1], prefix[2], first + static_cast<std::uint32_t>(begin + l)}});
      for (int w = 0; w < 4; ++w) word[w][l] = block.word[w];
    }
    const int count = blocks - begin < lanes ? blocks - begin : lanes;
    for (int l = 0; l < count; ++l)
      for (int w = 0; w < 4; ++w) out[4 * (begin + l) + w] = word[w][l];
  }
}

NormalPair normal_pair(const PhiloxBlock& block) {
  const double radius = std::sqrt(-2.0 * std::log(uniform(block.word[0], block.word[1])));
  const double angle = 2.0 * std::numbers::pi * uniform(block.word[2], block.word[3]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

PhiloxStream::PhiloxStream(std::uint64_t seed, std::string_view purpose, std::uint64_t index)
    : key_{{static_cast<std::uint32_t>(seed) ^ site_of(purpose),
            static_cast<std::uint32_t>(seed >> 32)}},
      index_(index) {}

std::uint32_t PhiloxStream::word() {
  constexpr std::uint64_t words_per_block = 4;
  const std::uint64_t lane = drawn_ % words_per_block;
  if (lane == 0) {
    const std::uint64_t block = drawn_ / words_per_block;
    block_ = philox(key_,
                    {{static_cast<std::uint32_t>(index_), static_cast<std::uint32_t>(index_ >> 32),
                      static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32)}});
  }
  ++drawn_;
  return block_.word[lane];
}

std::uint32_t PhiloxStream::below(std::uint32_t n) {
  std::uint64_t product = std::uint64_t(word()) * n;
  if (static_cast<std::uint32_t>(product) < n) {
    const std::uint32_t threshold = -n % n;
    while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t(word()) * n;
  }
  return static_cast<std::uint32_t>(product >> 32);
}

}  // namespace jespr
