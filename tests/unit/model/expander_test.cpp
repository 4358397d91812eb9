// Expander: gradients by its input and all its parameters, and the size of what it starts with.
#include "model/expander.hpp"

#include <gtest/gtest.h>

#include "support/layers.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

TEST(Expander, GradientsByDifferences) {
  constexpr std::size_t rows = 3, inputs = 5, width = 7;
  Bench bench;
  ParameterStore<F64> store;
  const auto expander = Expander<F64>::add(store, "expander", inputs, width);
  store.freeze();
  randomize(store, 3);
  typename Expander<F64>::Saved saved;
  DifferentiableLayer layer;
  layer.forward = [&](const std::vector<double>& x) {
    bench.saved.release({});
    const Matrix<double> device = bench.saved.matrix<double>(rows, inputs);
    to_device(device, x);
    return to_host(expander.forward(bench.context, device, saved));
  };
  layer.backward = [&](const std::vector<double>& dy) {
    const Guarded<double> dz(dy), dx(rows * inputs);
    expander.backward(bench.context, saved, dz.matrix(rows, width), dx.matrix(rows, inputs));
    return dx.host();
  };
  expect_layer_gradients("expander", store, layer, random_numbers(rows * inputs, 1));
}

}  // namespace
