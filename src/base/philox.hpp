// Philox4x32-10, the counter-based random number generator: a pure function of key and counter,
// so that a draw depends on what it is for and never on who makes it or when.
// Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <Kokkos_Macros.hpp>  // for KOKKOS_INLINE_FUNCTION
#include <cstdint>
#include <string_view>

namespace jespr {

struct PhiloxKey {
  std::uint32_t word[2];
};

struct PhiloxBlock {
  std::uint32_t word[4];
};

/// Four random words for `counter` under `key`.
KOKKOS_INLINE_FUNCTION PhiloxBlock philox(PhiloxKey key, PhiloxBlock counter) {
  constexpr std::uint32_t multiplier0 = 0xD2511F53u, multiplier1 = 0xCD9E8D57u;
  constexpr std::uint32_t weyl0 = 0x9E3779B9u, weyl1 = 0xBB67AE85u;
  constexpr int rounds = 10;
  for (int round = 0; round < rounds; ++round) {
    const std::uint64_t product0 = std::uint64_t(multiplier0) * counter.word[0];
    const std::uint64_t product1 = std::uint64_t(multiplier1) * counter.word[2];
    counter = {
        {std::uint32_t(product1 >> 32) ^ counter.word[1] ^ key.word[0], std::uint32_t(product1),
         std::uint32_t(product0 >> 32) ^ counter.word[3] ^ key.word[1], std::uint32_t(product0)}};
    key.word[0] += weyl0;
    key.word[1] += weyl1;
  }
  return counter;
}

/// The words of the blocks for counters {prefix, first}, {prefix, first + 1}, ...: 4 `blocks` words
/// to `out`. The same as calling philox for each, but by vectors on the host.
void philox_blocks(PhiloxKey key, const std::uint32_t (&prefix)[3], std::uint32_t first, int blocks,
                   std::uint32_t* out);

/// A word as a number in (0, 1): 2^32 equal steps, never 0 or 1.
KOKKOS_INLINE_FUNCTION double uniform(std::uint32_t word) {
  return (double(word) + 0.5) * (1.0 / 4294967296.0);
}

/// Two words as a number in (0, 1) with 52 random bits: one more would round up to 1.
KOKKOS_INLINE_FUNCTION double uniform(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits = (std::uint64_t(high) << 32 | low) >> 12;
  return (double(bits) + 0.5) * (1.0 / 4503599627370496.0);
}

/// Two independent standard normal numbers from the four words of a block (Box & Muller 1958).
struct NormalPair {
  double first, second;
};
NormalPair normal_pair(const PhiloxBlock& block);

/// A stream of draws on the host for one purpose: key = (seed, hash of the purpose), counter =
/// (index, draw). Used where order is natural: shuffles, crops, initial values.
class PhiloxStream {
 public:
  PhiloxStream(std::uint64_t seed, std::string_view purpose, std::uint64_t index = 0);
  std::uint32_t word();
  /// Uniform integer in [0, n), exactly (rejection, Lemire 2019); n > 0.
  std::uint32_t below(std::uint32_t n);
  /// Uniform in (0, 1).
  double number() {
    const std::uint32_t high = word();
    return uniform(high, word());
  }

 private:
  PhiloxKey key_;
  std::uint64_t index_;
  std::uint64_t drawn_ = 0;
  PhiloxBlock block_{};
};

/// 32-bit name of a place that draws random numbers (FNV-1a of its path in the model).
constexpr std::uint32_t site_of(std::string_view path) {
  std::uint32_t hash = 0x811C9DC5u;
  for (char c : path) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193u;
  return hash;
}

}  // namespace jespr
