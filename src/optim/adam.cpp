// Adam and AdamW.
#include "optim/adam.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace jespr {
namespace {

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

/// Index of a parameter's constants among those of steps_of_parts.
int step_of(Part part, bool decays) { return 2 * static_cast<int>(part) + (decays ? 1 : 0); }

template <class P>
std::vector<kernels::AdamRun> runs_of(const OptimSettings& settings,
                                      const ParameterStore<P>& store) {
  std::vector<kernels::AdamRun> runs;
  for (const Parameter<P>& p : store.parameters())
    if (p.trainable)
      kernels::add_adam_runs(runs, p.offset, p.size,
                             step_of(p.part, settings.decay_on == "all" || p.is_matrix()));
  return runs;
}

}  // namespace

double learning_rate(const OptimSettings& settings, std::int64_t step) {
  if (step < settings.warmup_steps)
    return settings.lr_peak * static_cast<double>(step + 1) /
           static_cast<double>(settings.warmup_steps);
  if (settings.schedule == "constant") return settings.lr_peak;
  const double length = static_cast<double>(settings.steps - settings.warmup_steps);
  const double done = static_cast<double>(step - settings.warmup_steps) / std::max(length, 1.0);
  const double height = 0.5 * (1.0 + std::cos(std::numbers::pi * std::min(done, 1.0)));
  return settings.lr_final + (settings.lr_peak - settings.lr_final) * height;
}

template <class P>
Adam<P>::Adam(const OptimSettings& settings, ParameterStore<P>& store)
    : settings_(settings),
      store_(store),
      first_("first moment", store.size()),
      second_("second moment", store.size()) {
  const std::vector<kernels::AdamRun> runs = runs_of(settings, store);
  runs_ = Kokkos::View<kernels::AdamRun*, DeviceMemory>("adam runs", runs.size());
  to_device(runs_, runs);
}

template <class P>
typename Adam<P>::StepsOfParts Adam<P>::steps_of_parts(double rate, double gradient_norm) const {
  const double t = static_cast<double>(updates_);
  StepsOfParts steps;
  for (int part = 0; part < number_of_parts; ++part)
    for (const bool decays : {false, true}) {
      kernels::AdamStep& step =
          steps[static_cast<std::size_t>(step_of(static_cast<Part>(part), decays))];
      const double decay = decays ? settings_.weight_decay : 0.0;
      step.rate = rate * rate_factor(settings_, static_cast<Part>(part));
      step.beta1 = settings_.beta1;
      step.beta2 = settings_.beta2;
      step.eps = settings_.eps;
      step.shrink = settings_.kind == "adamw" ? 1.0 - step.rate * decay : 1.0;
      step.gradient_decay = settings_.kind == "adam" ? decay : 0.0;
      step.gradient_scale = settings_.clip_norm > 0 && gradient_norm > settings_.clip_norm
                                ? settings_.clip_norm / gradient_norm
                                : 1.0;
      step.correction1 = 1.0 - std::pow(settings_.beta1, t);
      step.correction2 = 1.0 - std::pow(settings_.beta2, t);
    }
  return steps;
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
  skipped_in_a_row_ = 0;
  ++updates_;
  Scope scope(context.scratch);
  const StepsOfParts steps = steps_of_parts(rate, report.gradient_norm);
  kernels::adam_update(Vector<const kernels::AdamRun>(runs_), context.scratch.upload(steps),
                       store_.values(), store_.gradients(), first_moment(), second_moment());
  store_.mark_updated();
  return report;
}

template class Adam<F32>;
template class Adam<F64>;

}  // namespace jespr
