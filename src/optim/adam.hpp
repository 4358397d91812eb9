// Adam and AdamW over a parameter store: moments, clipping, skipped steps, rates of parts and
// layers, and the moving average of the weights.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/adam.hpp"
#include "optim/settings.hpp"
#include "tensor/context.hpp"
#include "tensor/store.hpp"

namespace jespr {

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
  /// parts and layers), and with ema_decay their average in the same pass. A gradient or loss that
  /// is not finite is skipped: nothing changes, the moments' clock t neither.
  UpdateReport update(Context& context, double rate, double loss);

  std::int64_t updates() const { return updates_; }
  std::int64_t skipped_in_a_row() const { return skipped_in_a_row_; }
  std::int64_t skipped() const { return skipped_; }

  Vector<Real> first_moment() const { return first_; }
  Vector<Real> second_moment() const { return second_; }

  /// Whether an average of the weights is kept (ema_decay): a = d a + (1 - d) p after each update,
  /// d = min(ema_decay, (1 + t) / (10 + t)) in the t-th, so that the first weights are soon
  /// forgotten; it starts at the weights before the first update.
  bool keeps_average() const { return settings_.ema_decay > 0; }
  Vector<Real> average() const { return average_; }  // [size], or empty
  /// Exchanges the store's values and their average: twice leaves both as they were.
  void swap_average();
  double bytes() const;  // of moments and average

  /// The optimizer's state beside the moments, for one visitor that reads or writes.
  template <class Visitor>
  void state(Visitor& visitor) {
    visitor.number("updates", updates_);
    visitor.number("skipped", skipped_);
    visitor.number("skipped_in_a_row", skipped_in_a_row_);
  }

 private:
  using Owned = Kokkos::View<Real*, Kokkos::LayoutRight, DeviceMemory>;

  /// Parameters that are treated alike.
  struct Kind {
    Part part;
    int layers_above;
    bool decays;
    bool operator==(const Kind&) const = default;
  };
  Kind kind_of(const Parameter<P>& parameter) const;
  /// The constants of this update for each kind.
  void fill_steps(double rate, double gradient_norm, std::span<kernels::AdamStep> steps) const;

  const OptimSettings& settings_;
  ParameterStore<P>& store_;
  Owned first_, second_, average_;
  std::vector<Kind> kinds_;
  Kokkos::View<kernels::AdamRun*, DeviceMemory> runs_;  // of all that is trained
  std::int64_t updates_ = 0, skipped_ = 0, skipped_in_a_row_ = 0;
};

}  // namespace jespr
