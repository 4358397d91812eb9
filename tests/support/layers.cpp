// Gradient test of a layer.
#include "support/layers.hpp"

#include <gtest/gtest.h>

namespace jespr::test {

void expect_layer_gradients(const std::string& what, ParameterStore<F64>& store,
                            const DifferentiableLayer& layer, const std::vector<double>& x,
                            double step) {
  const std::vector<double> start = parameter_values(store);
  const std::vector<double> w = random_numbers(layer.forward(x).size(), 77);
  store.zero_gradients();
  layer.forward(x);
  const std::vector<double> dx = layer.backward(w);
  const std::vector<double> dparameters = parameter_gradients(store);
  const double magnitude = static_cast<double>(w.size());

  if (!x.empty())
    expect_gradient(
        what + ", by its input",
        [&](const std::vector<double>& v) { return dot(layer.forward(v), w); }, x, dx, magnitude,
        step);
  expect_gradient(
      what + ", by its parameters",
      [&](const std::vector<double>& v) {
        set_parameter_values(store, v);
        return dot(layer.forward(x), w);
      },
      start, dparameters, magnitude, step);

  set_parameter_values(store, start);
  layer.forward(x);
  layer.backward(w);
  std::vector<double> doubled = dparameters;
  for (double& value : doubled) value *= 2;
  EXPECT_LE(max_difference(parameter_gradients(store), doubled),
            rounding<double>(4) * max_abs(doubled))
      << what << ": parameter gradients accumulate";
}

}  // namespace jespr::test
