// RoundedOperands: copies of f32 matrices on the host whose numbers are rounded to bf16, as the
// products of precision 'bf16' read them.
#pragma once

#include <Kokkos_Core.hpp>
#include <array>
#include <cstdint>
#include <vector>

#include "backend/bf16.hpp"
#include "backend/kept_range.hpp"

namespace jespr {

/// E: Bf16 for products that read it, float for those of f32 that stand in for them.
template <class E>
class RoundedOperands {
 public:
  /// A matrix; `stride` elements lie between rows.
  struct Operand {
    const E* data;
    int stride;
  };
  enum Side { left, right };

  /// A copy of data [rows, columns]. It holds until the next call for the same side of a product,
  /// a kept one until its version changes.
  Operand round(Side side, const float* data, int rows, int columns, int stride);

  /// What is read of [data, data + size) is rounded once for each value of `version`, which must
  /// change with the numbers: weights between two updates. Both must outlive this, or be forgotten.
  void keep(const float* data, std::size_t size, const std::uint64_t& version);
  void forget(const float* data);

  /// While they do, a left operand that was the last one too, by its place and shape, is taken to
  /// hold the same numbers still.
  void let_left_stay(bool stays) {
    left_stays_ = stays;
    last_left_ = {};
  }

  /// Makes room for operands of `factor` times the size of the largest so far.
  void reserve(double factor);
  std::size_t bytes() const;

 private:
  using Numbers = Kokkos::View<E*, Kokkos::HostSpace>;
  struct Kept {
    KeptRange range;
    Numbers copy;
    std::uint64_t copied;  // version of the copy
  };
  struct Place {
    const float* data = nullptr;
    int rows = 0, columns = 0, stride = 0;
    bool operator==(const Place&) const = default;
  };
  static void copy(const float* from, std::size_t rows, std::size_t columns, std::size_t stride,
                   E* to);

  std::array<Numbers, 2> copies_;  // of the operands of the present product, packed
  std::vector<Kept> kept_;
  bool left_stays_ = false;
  Place last_left_;
};

}  // namespace jespr
