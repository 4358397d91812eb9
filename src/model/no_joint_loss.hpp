// NoJointLoss: where sequence and structure are not compared, only requests of ranks travel.
#pragma once

#include <limits>

#include "backend/communicator.hpp"
#include "model/loss.hpp"
#include "model/loss_tiles.hpp"
#include "tensor/context.hpp"
#include "tensor/loops.hpp"

namespace jespr {

template <class P>
struct NoJointLoss {
  using Real = typename P::Real;

  /// As ClipLoss::evaluate, but that rows are not looked at: the loss is 0, and so are gradients;
  /// accuracies are not numbers.
  LossResult evaluate(Context& context, const Communicator& communicator, const BatchLayout& layout,
                      Matrix<Real>, Matrix<Real>, LossGradients<P>* gradients,
                      int flags = 0) const {
    struct ShardSums {
      double flags;
    };
    Scope scope(context.scratch);
    const auto mine =
        context.scratch.host_array<ShardSums>(static_cast<std::size_t>(layout.local_shards));
    for (ShardSums& shard : mine) shard.flags = flags;
    if (gradients) {
      fill(gradients->dsequence, Real(0));
      fill(gradients->dstructure, Real(0));
    }
    LossResult result;
    result.accuracy_sequence_to_structure = std::numeric_limits<double>::quiet_NaN();
    result.accuracy_structure_to_sequence = std::numeric_limits<double>::quiet_NaN();
    for (const ShardSums& shard :
         gathered(context.scratch, communicator, layout, std::span<const ShardSums>(mine)))
      result.requested_flags |= static_cast<int>(shard.flags);
    return result;
  }
};

}  // namespace jespr
