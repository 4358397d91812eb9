// LogitScale.
#include "model/logit_scale.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/adam.hpp"

namespace jespr {

template <class T>
T log_rounded_down(double bound) {
  T x = static_cast<T>(std::log(bound));
  const auto exceeds = [&] {
    const double power = std::exp(static_cast<double>(x));
    return std::max(power, static_cast<double>(static_cast<T>(power))) > bound;
  };
  while (exceeds()) x = std::nextafter(x, T(-1));
  return x;
}

template <class P>
LogitScale<P> LogitScale<P>::add(ParameterStore<P>& store, const LossSettings& settings) {
  LogitScale scale;
  using Master = typename P::Master;
  double start = std::log(1.0 / settings.initial_temperature);
  scale.largest = std::numeric_limits<Master>::infinity();
  if (settings.clamp_logit_scale) {
    scale.largest = log_rounded_down<Master>(settings.largest_scale);
    // Initial values are rounded to f32: so is the highest of them.
    start = std::min(start, static_cast<double>(log_rounded_down<float>(settings.largest_scale)));
  }
  scale.parameter = &store.add("logit_scale", {}, Init::constant(start));
  return scale;
}

template <class P>
double LogitScale<P>::factor() const {
  return std::exp(static_cast<double>(number_of(parameter->value)));
}

template <class P>
void LogitScale<P>::clamp() const {
  kernels::clamp_above(parameter->value, largest);
}

template float log_rounded_down<float>(double);
template double log_rounded_down<double>(double);
template struct LogitScale<F32>;
template struct LogitScale<F64>;

}  // namespace jespr
