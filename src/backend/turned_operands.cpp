// Transposes block by block.
#include "backend/turned_operands.hpp"

#include <algorithm>

#include "backend/turn_block.hpp"

namespace jespr {
namespace {

Kokkos::View<float*, Kokkos::HostSpace> allocate(std::size_t size) {
  return Kokkos::View<float*, Kokkos::HostSpace>(
      Kokkos::view_alloc(Kokkos::WithoutInitializing, "turned operand"), size);
}

}  // namespace

void TurnedOperands::copy(const Place& from, float* to) {
  constexpr int block = turned_block, at_once = 16 * block;  // columns that a thread takes
  const int down = (from.rows + block - 1) / block, across = (from.columns + at_once - 1) / at_once;
  Kokkos::parallel_for(
      "turn operand", Kokkos::RangePolicy<Kokkos::DefaultHostExecutionSpace>(0, down * across),
      [=](const int piece) {
        const int i = piece % down * block, first = piece / down * at_once,
                  end = std::min(from.columns, first + at_once);
        const auto row = static_cast<std::size_t>(i), rows = static_cast<std::size_t>(from.rows),
                   stride = static_cast<std::size_t>(from.stride);
        for (int k = first; k < end; k += block) {
          const auto column = static_cast<std::size_t>(k);
          turn_block(from.data + row * stride + column, stride, std::min(block, from.rows - i),
                     std::min(block, end - k), to + column * rows + row, rows);
        }
      });
}

const float* TurnedOperands::turn(const float* b, int rows, int columns, int stride) {
  const Place place{b, rows, columns, stride};
  const auto range = std::find_if(ranges_.begin(), ranges_.end(),
                                  [b](const KeptRange& kept) { return kept.holds(b); });
  if (range == ranges_.end()) {
    if (passing_.size() < place.size()) {
      passing_ = {};  // the old one goes first
      passing_ = allocate(place.size());
    }
    copy(place, passing_.data());
    return passing_.data();
  }
  auto kept = std::find_if(kept_.begin(), kept_.end(),
                           [&](const Kept& other) { return other.place == place; });
  if (kept == kept_.end())
    kept = kept_.insert(kept_.end(), {place, allocate(place.size()), *range->version - 1});
  if (kept->copied != *range->version) {
    copy(place, kept->copy.data());
    kept->copied = *range->version;
  }
  return kept->copy.data();
}

void TurnedOperands::keep(const float* data, std::size_t size, const std::uint64_t& version) {
  ranges_.push_back({data, size, &version});
}

void TurnedOperands::forget(const float* data) {
  const auto gone = std::find_if(ranges_.begin(), ranges_.end(),
                                 [data](const KeptRange& range) { return range.data == data; });
  if (gone == ranges_.end()) return;
  std::erase_if(kept_, [&](const Kept& kept) { return gone->holds(kept.place.data); });
  ranges_.erase(gone);
}

void TurnedOperands::reserve(double factor) {
  const auto wanted = static_cast<std::size_t>(factor * static_cast<double>(passing_.size()));
  if (wanted <= passing_.size()) return;
  passing_ = {};
  passing_ = allocate(wanted);
}

std::size_t TurnedOperands::bytes() const {
  std::size_t numbers = passing_.size();
  for (const Kept& kept : kept_) numbers += kept.copy.size();
  return numbers * sizeof(float);
}

}  // namespace jespr
