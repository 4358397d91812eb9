// Adam and AdamW.
#include "optim/adam.hpp"

#include <algorithm>
#include <cmath>

#include "tensor/loops.hpp"

namespace jespr {
namespace {

/// The average of the weights forgets faster while there were few updates; TensorFlow's
/// ExponentialMovingAverage with num_updates has this number.
constexpr double updates_to_trust = 10;

double rate_factor(const OptimSettings& settings, Part part) {
  switch (part) {
    case Part::sequence:
      return settings.sequence_rate;
    case Part::structure:
      return settings.structure_rate;
    case Part::sequence_head:
    case Part::structure_head:
      return settings.head_rate;
    case Part::scale:
      return 1.0;
  }
  return 1.0;
}

}  // namespace

template <class P>
Adam<P>::Adam(const OptimSettings& settings, ParameterStore<P>& store)
    : settings_(settings),
      store_(store),
      first_("first moment", store.size()),
      second_("second moment", store.size()),
      average_("averaged weights", settings.ema_decay > 0 ? store.size() : 0) {
  std::vector<kernels::AdamRun> runs;
  for (const Parameter<P>& p : store.parameters()) {
    if (!p.trainable) continue;
    const Kind kind = kind_of(p);
    const auto known = std::find(kinds_.begin(), kinds_.end(), kind);
    const auto index = static_cast<int>(known - kinds_.begin());
    if (known == kinds_.end()) kinds_.push_back(kind);
    kernels::add_adam_runs(runs, p.offset, p.size, index);
  }
  runs_ = Kokkos::View<kernels::AdamRun*, DeviceMemory>("adam runs", runs.size());
  to_device(runs_, runs);
}

template <class P>
typename Adam<P>::Kind Adam<P>::kind_of(const Parameter<P>& parameter) const {
  return {parameter.part, parameter.layers_above,
          settings_.decay_on == "all" || parameter.is_matrix()};
}

template <class P>
void Adam<P>::fill_steps(double rate, double gradient_norm,
                         std::span<kernels::AdamStep> steps) const {
  const double t = static_cast<double>(updates_);
  const double correction1 = 1.0 - std::pow(settings_.beta1, t);
  const double correction2 = 1.0 - std::pow(settings_.beta2, t);
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    const Kind& kind = kinds_[k];
    kernels::AdamStep& step = steps[k];
    const double decay = kind.decays ? settings_.weight_decay : 0.0;
    step.rate = rate * rate_factor(settings_, kind.part) *
                std::pow(settings_.layer_decay, static_cast<double>(kind.layers_above));
    step.beta1 = settings_.beta1;
    step.beta2 = settings_.beta2;
    step.eps = settings_.eps;
    step.shrink = settings_.kind == "adamw" ? 1.0 - step.rate * decay : 1.0;
    step.gradient_decay = settings_.kind == "adam" ? decay : 0.0;
    step.gradient_scale = settings_.clip_norm > 0 && gradient_norm > settings_.clip_norm
                              ? settings_.clip_norm / gradient_norm
                              : 1.0;
    step.correction1 = correction1;
    step.correction2 = correction2;
    step.average_decay = std::min(settings_.ema_decay, (1.0 + t) / (updates_to_trust + t));
  }
}

template <class P>
UpdateReport Adam<P>::update(Context& context, double rate, double loss) {
  UpdateReport report;
  report.gradient_norm = std::sqrt(kernels::sum_of_squares(context.scratch, store_.gradients()));
  report.applied = std::isfinite(report.gradient_norm) && std::isfinite(loss);
  if (!report.applied) {
    ++skipped_;
    ++skipped_in_a_row_;
    return report;
  }
  if (updates_ == 0 && keeps_average()) copy(average(), store_.values());
  skipped_in_a_row_ = 0;
  ++updates_;
  Scope scope(context.scratch);
  const auto steps = context.scratch.template host_array<kernels::AdamStep>(kinds_.size());
  fill_steps(rate, report.gradient_norm, steps);
  kernels::adam_update(Vector<const kernels::AdamRun>(runs_), context.scratch.upload(steps),
                       store_.values(), store_.gradients(), first_moment(), second_moment(),
                       average());
  store_.mark_updated();
  return report;
}

template <class P>
void Adam<P>::swap_average() {
  if (updates_ == 0) copy(average(), store_.values());
  kernels::swap_values(average(), store_.values());
  store_.mark_updated();
}

template <class P>
double Adam<P>::bytes() const {
  return static_cast<double>((first_.size() + second_.size() + average_.size()) * sizeof(Real));
}

template class Adam<F32>;
template class Adam<F64>;

}  // namespace jespr
