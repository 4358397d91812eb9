// Adam and AdamW over a parameter store: moments, schedule, clipping, skipped steps.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/adam.hpp"
#include "optim/settings.hpp"
#include "tensor/context.hpp"
#include "tensor/store.hpp"

namespace jespr {

/// Learning rate of the update after `step` earlier ones: linear warm-up, then cosine or constant.
double learning_rate(const OptimSettings& settings, std::int64_t step);

/// What happened to one gradient.
struct UpdateReport {
  bool applied = true;       // false: non-finite, skipped
  double gradient_norm = 0;  // global, before clipping
};

template <class P>
class Adam {
 public:
  using Real = typename P::Master;

  /// The store must be frozen, and which parameters are trainable decided; moments start at zero.
  Adam(const OptimSettings& settings, ParameterStore<P>& store);

  /// Updates the store's values by its gradients with learning rate `rate` (before the factors of
  /// the parts). A gradient or loss that is not finite is skipped: nothing changes, the moments'
  /// clock t neither.
  UpdateReport update(Context& context, double rate, double loss);

  std::int64_t updates() const { return updates_; }
  std::int64_t skipped_in_a_row() const { return skipped_in_a_row_; }
  std::int64_t skipped() const { return skipped_; }

  Vector<Real> first_moment() const { return first_; }
  Vector<Real> second_moment() const { return second_; }

  /// The optimizer's state beside the moments, for one visitor that reads or writes.
  template <class Visitor>
  void state(Visitor& visitor) {
    visitor.number("updates", updates_);
    visitor.number("skipped", skipped_);
    visitor.number("skipped_in_a_row", skipped_in_a_row_);
  }

 private:
  using Owned = Kokkos::View<Real*, Kokkos::LayoutRight, DeviceMemory>;

  /// The constants of this update, for each part of the model without and with decay.
  using StepsOfParts = std::array<kernels::AdamStep, 2 * number_of_parts>;
  StepsOfParts steps_of_parts(double rate, double gradient_norm) const;

  const OptimSettings& settings_;
  ParameterStore<P>& store_;
  Owned first_, second_;
  Kokkos::View<kernels::AdamRun*, DeviceMemory> runs_;  // of all that is trained
  std::int64_t updates_ = 0, skipped_ = 0, skipped_in_a_row_ = 0;
};

}  // namespace jespr
