// Hashes: XXH64 as its specification states it.
#include "base/hash.hpp"

#include <bit>
#include <cstring>

namespace jespr {
namespace {

constexpr std::uint64_t prime_1 = 0x9E3779B185EBCA87;
constexpr std::uint64_t prime_2 = 0xC2B2AE3D27D4EB4F;
constexpr std::uint64_t prime_3 = 0x165667B19E3779F9;
constexpr std::uint64_t prime_4 = 0x85EBCA77C2B2AE63;
constexpr std::uint64_t prime_5 = 0x27D4EB2F165667C5;

static_assert(std::endian::native == std::endian::little, "lanes are read without byte swaps");

template <class Lane>
Lane read(const unsigned char* p) {
  Lane lane;
  std::memcpy(&lane, p, sizeof lane);
  return lane;
}

std::uint64_t round(std::uint64_t accumulator, std::uint64_t lane) {
  return std::rotl(accumulator + lane * prime_2, 31) * prime_1;
}

std::uint64_t merge(std::uint64_t accumulator, std::uint64_t other) {
  return (accumulator ^ round(0, other)) * prime_1 + prime_4;
}

}  // namespace

std::uint64_t digest(const void* data, std::size_t bytes, std::uint64_t seed) {
  const unsigned char* p = static_cast<const unsigned char*>(data);
  std::size_t left = bytes;
  std::uint64_t hash = seed + prime_5;
  if (left >= 32) {  // four independent lanes of stripes of 32 bytes
    std::uint64_t a = seed + prime_1 + prime_2, b = seed + prime_2, c = seed, d = seed - prime_1;
    for (; left >= 32; left -= 32, p += 32) {
      a = round(a, read<std::uint64_t>(p));
      b = round(b, read<std::uint64_t>(p + 8));
      c = round(c, read<std::uint64_t>(p + 16));
      d = round(d, read<std::uint64_t>(p + 24));
    }
    hash = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
    for (const std::uint64_t lane : {a, b, c, d}) hash = merge(hash, lane);
  }
  hash += bytes;
  for (; left >= 8; left -= 8, p += 8) {
    hash = std::rotl(hash ^ round(0, read<std::uint64_t>(p)), 27) * prime_1 + prime_4;
  }
  for (; left >= 4; left -= 4, p += 4) {
    hash = std::rotl(hash ^ (read<std::uint32_t>(p) * prime_1), 23) * prime_2 + prime_3;
  }
  for (; left > 0; --left, ++p) hash = std::rotl(hash ^ (*p * prime_5), 11) * prime_1;
  hash = (hash ^ (hash >> 33)) * prime_2;
  hash = (hash ^ (hash >> 29)) * prime_3;
  return hash ^ (hash >> 32);
}

std::string hash_text(std::uint64_t hash) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; hash >>= 4) text[i] = digits[hash & 15];
  return text;
}

}  // namespace jespr
