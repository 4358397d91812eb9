// LogitScale: the learned factor of the logits of contrastive losses, kept as its logarithm.
#pragma once

#include "model/loss.hpp"

namespace jespr {

/// The largest number x of type T for which exp(x) <= `bound`, in f64 and rounded to T. bound >= 1.
template <class T>
T log_rounded_down(double bound);

template <class P>
struct LogitScale {
  Parameter<P>* parameter = nullptr;  // logit_scale
  typename P::Master largest{};       // infinite: not clamped

  /// Starts at log(1 / initial_temperature), at the clamp if that is lower.
  static LogitScale add(ParameterStore<P>& store, const LossSettings& settings);

  double factor() const;  // exp(logit_scale)
  /// logit_scale = min(logit_scale, largest); to be called after an update.
  void clamp() const;
};

}  // namespace jespr
