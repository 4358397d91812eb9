// Gradient test of a layer or model: by its input and by all its parameters at once.
#pragma once

#include <functional>
#include <string>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"

namespace jespr::test {

/// A layer in f64 as its gradient test sees it. `forward` maps x to y; `backward` maps dL/dy to
/// dL/dx after a forward, adding to the store's gradients; empty when the input is data.
struct DifferentiableLayer {
  std::function<std::vector<double>(const std::vector<double>& x)> forward;
  std::function<std::vector<double>(const std::vector<double>& dy)> backward;
};

/// Checks dL/dx and dL/dparameters of L = <y, w>, w random, by central differences; and that
/// parameter gradients accumulate: a second backward doubles them.
void expect_layer_gradients(const std::string& what, ParameterStore<F64>& store,
                            const DifferentiableLayer& layer, const std::vector<double>& x,
                            double step = 1.0 / 256);

}  // namespace jespr::test
