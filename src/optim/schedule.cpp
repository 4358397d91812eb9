// Learning-rate schedules.
#include "optim/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace jespr {
namespace {

double cosine(const OptimSettings& s, std::int64_t n) {
  const double length = static_cast<double>(s.steps - s.warmup_steps);
  const double done = static_cast<double>(n) / std::max(length, 1.0);
  const double height = 0.5 * (1.0 + std::cos(std::numbers::pi * std::min(done, 1.0)));
  return s.lr_final + (s.lr_peak - s.lr_final) * height;
}

/// gamma^floor(n / gamma_steps).
double decayed(const OptimSettings& s, std::int64_t n) {
  return std::pow(s.gamma, static_cast<double>(n / s.gamma_steps));
}

double cyclic(const OptimSettings& s, std::int64_t n) {
  const std::int64_t up = s.cycle_up, down = s.cycle_down > 0 ? s.cycle_down : s.cycle_up;
  const std::int64_t cycle = n / (up + down), place = n % (up + down);
  const double height = place <= up
                            ? static_cast<double>(place) / static_cast<double>(up)
                            : static_cast<double>(up + down - place) / static_cast<double>(down);
  double amplitude = 1.0;
  if (s.cycle_mode == "triangular2") amplitude = std::exp2(-static_cast<double>(cycle));
  if (s.cycle_mode == "exp_range") amplitude = decayed(s, n);
  return s.lr_base + (s.lr_peak - s.lr_base) * height * amplitude;
}

}  // namespace

double learning_rate(const OptimSettings& s, std::int64_t step) {
  if (step < s.warmup_steps)
    return s.lr_peak * static_cast<double>(step + 1) / static_cast<double>(s.warmup_steps);
  const std::int64_t n = step - s.warmup_steps;
  if (s.schedule == "cosine") return cosine(s, n);
  if (s.schedule == "exponential") return std::max(s.lr_final, s.lr_peak * decayed(s, n));
  if (s.schedule == "cyclic") return cyclic(s, n);
  return s.lr_peak;
}

}  // namespace jespr
