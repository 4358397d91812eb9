// Rounded copies of operands.
#include "backend/rounded_operands.hpp"

#include <algorithm>
#include <cstring>

#include "backend/bf16_units.hpp"

namespace jespr {
namespace {

constexpr std::size_t piece = 4096;  // numbers that one thread takes at a time

void round_numbers(const float* from, std::size_t count, Bf16* to) {
  constexpr std::size_t at_once = 2 * simd_lanes<Bf16Pair>;
  std::size_t i = 0;
  for (; i + at_once <= count; i += at_once) {
    const Simd<Bf16Pair> pairs = bf16_pairs_of(from + i);
    std::memcpy(to + i, &pairs, sizeof pairs);
  }
  for (; i < count; ++i) to[i] = to_bf16(from[i]);
}

void round_numbers(const float* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = to_f32(to_bf16(from[i]));
}

template <class E>
Kokkos::View<E*, Kokkos::HostSpace> allocate(std::size_t size) {
  return Kokkos::View<E*, Kokkos::HostSpace>(
      Kokkos::view_alloc(Kokkos::WithoutInitializing, "rounded operand"), size);
}

}  // namespace

template <class E>
void RoundedOperands<E>::copy(const float* from, std::size_t rows, std::size_t columns,
                              std::size_t stride, E* to) {
  if (stride == columns) {  // one long row
    columns *= rows;
    rows = 1;
  }
  const std::size_t pieces = (columns + piece - 1) / piece;
  Kokkos::parallel_for(
      "round operand", Kokkos::RangePolicy<Kokkos::DefaultHostExecutionSpace>(0, rows * pieces),
      [=](const std::size_t i) {
        const std::size_t row = i / pieces, begin = i % pieces * piece;
        round_numbers(from + row * stride + begin, std::min(piece, columns - begin),
                      to + row * columns + begin);
      });
}

template <class E>
typename RoundedOperands<E>::Operand RoundedOperands<E>::round(Side side, const float* data,
                                                               int rows, int columns, int stride) {
  for (Kept& kept : kept_) {
    if (!kept.range.holds(data)) continue;
    if (kept.copied != *kept.range.version) {
      copy(kept.range.data, 1, kept.copy.size(), kept.copy.size(), kept.copy.data());
      kept.copied = *kept.range.version;
    }
    return {kept.copy.data() + (data - kept.range.data), stride};
  }
  const std::size_t size = static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
  Numbers& mine = copies_[side];
  if (side == left) {
    const Place place{data, rows, columns, stride};
    if (left_stays_ && place == last_left_) return {mine.data(), columns};
    last_left_ = place;
  }
  if (mine.size() < size) {
    mine = {};  // the old one goes first
    mine = allocate<E>(size);
  }
  copy(data, static_cast<std::size_t>(rows), static_cast<std::size_t>(columns),
       static_cast<std::size_t>(stride), mine.data());
  return {mine.data(), columns};
}

template <class E>
void RoundedOperands<E>::keep(const float* data, std::size_t size, const std::uint64_t& version) {
  kept_.push_back({{data, size, &version}, allocate<E>(size), version - 1});
}

template <class E>
void RoundedOperands<E>::forget(const float* data) {
  std::erase_if(kept_, [data](const Kept& kept) { return kept.range.data == data; });
}

template <class E>
void RoundedOperands<E>::reserve(double factor) {
  for (Numbers& copy : copies_) {
    const auto wanted = static_cast<std::size_t>(factor * static_cast<double>(copy.size()));
    if (wanted <= copy.size()) continue;
    copy = {};
    copy = allocate<E>(wanted);
  }
}

template <class E>
std::size_t RoundedOperands<E>::bytes() const {
  std::size_t numbers = 0;
  for (const Numbers& copy : copies_) numbers += copy.size();
  for (const Kept& kept : kept_) numbers += kept.copy.size();
  return numbers * sizeof(E);
}

template class RoundedOperands<float>;
template class RoundedOperands<Bf16>;

}  // namespace jespr
