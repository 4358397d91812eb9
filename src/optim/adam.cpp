// Adam and AdamW.
#include "optim/adam.hpp"

#include <cmath>
#include <numbers>

#include "kernels/adam.hpp"

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
      second_("second moment", store.size()) {}

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
  const double t = static_cast<double>(updates_);
  kernels::AdamStep step{};
  step.beta1 = settings_.beta1;
  step.beta2 = settings_.beta2;
  step.eps = settings_.eps;
  step.correction1 = 1.0 - std::pow(settings_.beta1, t);
  step.correction2 = 1.0 - std::pow(settings_.beta2, t);
  step.gradient_scale = settings_.clip_norm > 0 && report.gradient_norm > settings_.clip_norm
                            ? settings_.clip_norm / report.gradient_norm
                            : 1.0;
  for (Parameter<P>& p : store_.parameters()) {
    if (!p.trainable) continue;
    const double decay =
        settings_.decay_on == "all" || p.is_matrix() ? settings_.weight_decay : 0.0;
    step.rate = rate * rate_factor(settings_, p.part);
    step.shrink = settings_.kind == "adamw" ? 1.0 - step.rate * decay : 1.0;
    step.gradient_decay = settings_.kind == "adam" ? decay : 0.0;
    const auto part_of = [&](const Owned& whole) {
      return Vector<Real>(whole.data() + p.offset, p.size);
    };
    kernels::adam_update(p.value, p.gradient, part_of(first_), part_of(second_), step);
  }
  store_.mark_updated();
  return report;
}

template class Adam<F32>;
template class Adam<F64>;

}  // namespace jespr
