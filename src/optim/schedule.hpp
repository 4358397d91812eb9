// Learning-rate schedules: from the number of a step to its rate.
#pragma once

#include <cstdint>

#include "optim/settings.hpp"

namespace jespr {

/// Learning rate of the update after `step` earlier ones: a function of the step alone, so that a
/// restart goes on where it was. Linear warm-up from 0 to lr_peak; then, n steps after it,
/// - constant: lr_peak
/// - cosine: half a cosine from lr_peak to lr_final at the last step
/// - exponential: max(lr_final, lr_peak gamma^k), k = floor(n / gamma_steps); PyTorch's
///   ExponentialLR, stepped once in gamma_steps steps
/// - cyclic: lr_base + (lr_peak - lr_base) h a, h the height of a saw that rises from 0 to 1 in
///   cycle_up steps and falls in cycle_down; in cycle c = 0, 1, ... a is 1 (triangular), 2^-c
///   (triangular2) or gamma^k (exp_range); Smith 2017, arXiv:1506.01186, PyTorch's CyclicLR
double learning_rate(const OptimSettings& settings, std::int64_t step);

}  // namespace jespr
