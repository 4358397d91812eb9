// Linear: against a serial product, gradients, frozen weights.
#include "layers/linear.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/layers.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

template <class P>
struct Case {
  using Real = typename P::Real;

  ParameterStore<P> store;
  Bench bench;
  Linear<P> linear;
  typename Linear<P>::Saved saved;
  std::size_t n;

  Case(std::size_t rows, int inputs, int outputs, Activation activation, bool with_bias) : n(rows) {
    linear = Linear<P>::add(store, "linear", inputs, outputs, with_bias);
    linear.activation = activation;
    store.freeze();
    randomize(store, 1);
  }
  std::size_t inputs() const { return static_cast<std::size_t>(linear.weight.columns); }
  std::size_t outputs() const { return static_cast<std::size_t>(linear.weight.rows); }

  std::vector<double> forward(const std::vector<double>& values) {
    const Matrix<Real> x = bench.inputs.matrix<Real>(n, inputs());
    to_device(x, converted<Real>(values));
    bench.saved.release({});
    const auto y = to_host(linear.forward(bench.context, x, saved));
    return std::vector<double>(y.begin(), y.end());
  }
  std::vector<double> backward(const std::vector<double>& values) {
    const Guarded<Real> dy(values), dx(n * inputs());
    linear.backward(bench.context, saved, dy.matrix(n, outputs()), dx.matrix(n, inputs()));
    return dx.host();
  }
  std::vector<double> reference(const std::vector<double>& x) const {
    const auto weight = to_host(linear.weight.value());
    const auto bias =
        linear.bias.exists() ? to_host(linear.bias.value()) : std::vector<Real>(outputs(), Real(0));
    std::vector<double> y;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t o = 0; o < outputs(); ++o) {
        double sum = bias[o];
        for (std::size_t c = 0; c < inputs(); ++c)
          sum += x[i * inputs() + c] * weight[o * inputs() + c];
        y.push_back(linear.activation == Activation::tanh ? std::tanh(sum) : sum);
      }
    return y;
  }
};

template <class P>
void check(std::size_t n, int inputs, int outputs, Activation activation, bool with_bias) {
  Case<P> test(n, inputs, outputs, activation, with_bias);
  const std::vector<double> x = random_numbers(n * test.inputs(), 2);
  expect_close(test.forward(x), test.reference(x), rounding<typename P::Real>(inputs + 1),
               "linear " + std::to_string(inputs) + " -> " + std::to_string(outputs));
}

TEST(Linear, EqualsTheSerialProduct) {
  for (const auto& [n, inputs, outputs] : {std::tuple{1, 1, 1}, {1, 7, 3}, {33, 20, 65}})
    for (const auto& [activation, with_bias] :
         {std::pair{Activation::none, true}, {Activation::none, false}, {Activation::tanh, true}}) {
      check<F32>(static_cast<std::size_t>(n), inputs, outputs, activation, with_bias);
      check<F64>(static_cast<std::size_t>(n), inputs, outputs, activation, with_bias);
    }
}

TEST(Linear, GradientByDifferences) {
  for (const auto& [activation, with_bias] : {std::pair{Activation::none, true},
                                              {Activation::none, false},
                                              {Activation::tanh, true},
                                              {Activation::gelu, true}}) {
    Case<F64> test(5, 7, 3, activation, with_bias);
    expect_layer_gradients("linear", test.store,
                           {[&](const auto& x) { return test.forward(x); },
                            [&](const auto& dy) { return test.backward(dy); }},
                           random_numbers(5 * 7, 2));
  }
}

TEST(Linear, FrozenWeightsHaveNoGradient) {
  Case<F64> test(5, 7, 3, Activation::none, true);
  const std::vector<double> x = random_numbers(5 * 7, 2), dy = random_numbers(5 * 3, 3);
  test.forward(x);
  const std::vector<double> dx = test.backward(dy);
  test.store.zero_gradients();
  test.linear.freeze();
  EXPECT_EQ(test.backward(dy), dx);
  EXPECT_EQ(max_abs(parameter_gradients(test.store)), 0);
}

constexpr std::size_t timed_rows = 4096;
constexpr int timed_inputs = 320, timed_outputs = 1280;
constexpr double timed_operations = 2.0 * timed_rows * timed_inputs * timed_outputs;

void time_linear(benchmark::State& state) {
  Case<F32> test(timed_rows, timed_inputs, timed_outputs, Activation::gelu, true);
  test.forward(random_numbers(timed_rows * timed_inputs, 2));
  measure(state, {.operations = timed_operations}, [&] {
    Scope scope(test.bench.saved);
    Linear<F32>::Saved saved;
    test.linear.forward(test.bench.context, test.saved.x, saved);
  });
}
JESPR_BENCHMARK("linear gelu f32 [4096, 320] -> 1280", time_linear);

void time_linear_backward(benchmark::State& state) {
  Case<F32> test(timed_rows, timed_inputs, timed_outputs, Activation::gelu, true);
  test.forward(random_numbers(timed_rows * timed_inputs, 2));
  const Guarded<float> dy(random_numbers(timed_rows * timed_outputs, 3)),
      dx(timed_rows * timed_inputs);
  measure(state, {.operations = 2 * timed_operations}, [&] {
    test.linear.backward(test.bench.context, test.saved, dy.matrix(timed_rows, timed_outputs),
                         dx.matrix(timed_rows, timed_inputs));
  });
}
JESPR_BENCHMARK("linear gelu backward f32 [4096, 320] -> 1280", time_linear_backward);

}  // namespace
