// Hashes: fnv1a64 for names and short texts (at compile time too), digest for the content of
// arrays. Neither is cryptographic: they find damage and drift, not forgery.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace jespr {

/// FNV-1a, 64 bit (Fowler, Noll, Vo; draft-eastlake-fnv): h <- (h xor byte) * prime.
constexpr std::uint64_t fnv1a64(std::string_view text) {
  constexpr std::uint64_t offset_basis = 0xcbf29ce484222325;
  constexpr std::uint64_t prime = 0x100000001b3;
  std::uint64_t hash = offset_basis;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= prime;
  }
  return hash;
}

/// XXH64 (Collet, xxHash specification 0.1.1) of `bytes` bytes at `data`: depends on content and
/// order, several GB/s. The same on every machine (lanes are read as little-endian).
std::uint64_t digest(const void* data, std::size_t bytes, std::uint64_t seed = 0);

/// A hash as 16 hexadecimal digits, as logs and files show it.
std::string hash_text(std::uint64_t hash);

}  // namespace jespr
