// TurnedOperands: transposes of narrow right operands of f32 products. oneDNN 2.6 takes a
// transposed one of few columns up to a quarter slower than a plain one (doc/performance.md).
#pragma once

#include <Kokkos_Core.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/kept_range.hpp"

namespace jespr {

class TurnedOperands {
 public:
  /// b^T [columns, rows] of b [rows, columns] without gaps; `stride` elements lie between rows of
  /// b. It holds until the next call, one of a kept range until its version changes.
  const float* turn(const float* b, int rows, int columns, int stride);

  /// What is read of [data, data + size) is turned once for each value of `version`, which must
  /// change with the numbers. Both must outlive this, or be forgotten.
  void keep(const float* data, std::size_t size, const std::uint64_t& version);
  void forget(const float* data);

  /// Makes room for what is not kept, of `factor` times the size of the largest so far.
  void reserve(double factor);
  std::size_t bytes() const;

 private:
  using Numbers = Kokkos::View<float*, Kokkos::HostSpace>;
  struct Place {
    const float* data;
    int rows, columns, stride;
    bool operator==(const Place&) const = default;
    std::size_t size() const {
      return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
    }
  };
  struct Kept {
    Place place;
    Numbers copy;
    std::uint64_t copied;  // version of the copy
  };
  static void copy(const Place& from, float* to);

  std::vector<KeptRange> ranges_;
  std::vector<Kept> kept_;
  Numbers passing_;  // of what is not kept
};

}  // namespace jespr
