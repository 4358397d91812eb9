// Gradients against central differences, in f64.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace jespr::test {

/// A step for whole encoders: so short that none of their many relus changes sides within it. The
/// rounding error is then all that is left of the difference, about 1e-5 of the slope.
inline constexpr double step_between_kinks = 0x1p-20;

using Scalar = std::function<double(const std::vector<double>& x)>;

/// Checks `gradient` = dL/dx at `x`. Along random directions d the error of the central difference,
/// (L(x + hd) - L(x - hd)) / 2h - gradient . d, has to fall by 4 when h is halved (its root mean
/// square over the directions, within 12 %), unless it is rounding: a wrong gradient leaves an
/// error that does not fall. `magnitude`: size of the terms that L sums, for the rounding error.
void expect_gradient(const std::string& what, const Scalar& loss, const std::vector<double>& x,
                     const std::vector<double>& gradient, double magnitude = 1,
                     double step = 1.0 / 64);

}  // namespace jespr::test
