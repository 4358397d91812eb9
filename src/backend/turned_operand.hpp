// TurnedOperand: the transpose of a narrow right operand of an f32 product. oneDNN 2.6 takes a
// transposed one of few columns up to a quarter slower than a plain one (doc/performance.md), far
// more than turning it costs.
#pragma once

#include <Kokkos_Core.hpp>
#include <cstddef>

namespace jespr {

class TurnedOperand {
 public:
  /// b^T [columns, rows] of b [rows, columns] without gaps, good until the next call; `stride`
  /// elements lie between rows of b.
  const float* turn(const float* b, int rows, int columns, int stride);

  /// Makes room for `factor` times the size of the largest so far.
  void reserve(double factor);
  std::size_t bytes() const { return copy_.size() * sizeof(float); }

 private:
  void grow(std::size_t size);

  Kokkos::View<float*, Kokkos::HostSpace> copy_;
};

}  // namespace jespr
