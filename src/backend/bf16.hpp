// bf16: the upper half of an f32 number: its range with 8 significant bits. For storage alone: the
// arithmetic is done by matrix units, or in f32.
#pragma once

#include <bit>
#include <cstdint>

namespace jespr {

struct Bf16 {
  std::uint16_t bits;
};

/// The nearest bf16 number, of two equally near ones the even. Beyond the largest one by half a
/// unit or more it is infinite; an infinity stays, and not-a-number stays so, with its sign.
inline Bf16 to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t to_even = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40u;  // a payload may lie in the lower half alone
  const bool is_number = (bits & 0x7fffffffu) <= 0x7f800000u;
  return {static_cast<std::uint16_t>(is_number ? to_even : quiet)};
}

inline float to_f32(Bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

}  // namespace jespr
