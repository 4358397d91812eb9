// GradientSum: the sum of all shards' gradients over all ranks, in one fixed binary tree.
#pragma once

#include <vector>

#include "backend/communicator.hpp"
#include "tensor/context.hpp"
#include "tensor/views.hpp"

namespace jespr {

/// How gradients of ranks are added: `exact` in the tree of shards (same bits on any number of
/// ranks), `fast` as the communication library likes.
enum class Reduction { exact, fast };

/// Shard gradients arrive one by one in the order of shards (or in the opposite order: pairs
/// commute) and are added pairwise, ((g0 + g1) + (g2 + g3)); then ranks are paired with their
/// nearest partner first (recursive doubling), which continues the same tree when shards per rank
/// and ranks are powers of two. Gradients are summed, never averaged.
template <class Real>
class GradientSum {
 public:
  GradientSum(std::size_t size, int local_shards);

  /// Takes in the next shard's gradient; afterwards `gradient` is free to be overwritten.
  void add(Vector<Real> gradient);

  /// Leaves the sum over local shards and all ranks in `gradient`, on every rank, and starts anew.
  void finish(Context& context, const Communicator& communicator, Reduction reduction,
              Vector<Real> gradient);

  /// Bytes of the partial sums.
  std::size_t bytes() const;

 private:
  using Owned = Kokkos::View<Real*, Kokkos::LayoutRight, DeviceMemory>;
  std::vector<Owned> levels_;  // levels_[k]: a sum of 2^k shards, while occupied_[k]
  std::vector<bool> occupied_;
  bool complete_ = false;  // the sum of all local shards lies in the last gradient added
};

}  // namespace jespr
