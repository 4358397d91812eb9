// Adam and AdamW: against their formulas, clipping, skipped steps, what decays, rates of
// parts and layers, averaged weights.
#include "optim/adam.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/arrays.hpp"
#include "support/bench.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

template <class P>
struct Case {
  OptimSettings settings;
  ParameterStore<P> store;
  Bench bench;

  Case() {
    store.set_part(Part::sequence);
    store.add("matrix", {3, 5}, Init::normal(1));
    store.set_part(Part::structure);
    store.add("vector", {4}, Init::normal(1));
    store.freeze();
    store.initialize(1);
  }
  void set_gradients(std::uint64_t seed) {
    for (auto& p : store.parameters())
      to_device(p.gradient, converted<typename P::Master>(random_numbers(p.size, seed++)));
  }
};

/// `steps` updates of one element with decay `decay`.
double reference(const OptimSettings& s, double p, const std::vector<double>& gradients,
                 double decay) {
  double m = 0, v = 0;
  for (std::size_t t = 1; t <= gradients.size(); ++t) {
    const double g = gradients[t - 1] + (s.kind == "adam" ? decay * p : 0);
    m = s.beta1 * m + (1 - s.beta1) * g;
    v = s.beta2 * v + (1 - s.beta2) * g * g;
    if (s.kind == "adamw") p *= 1 - s.lr_peak * decay;
    const double power = static_cast<double>(t);
    p -= s.lr_peak * (m / (1 - std::pow(s.beta1, power))) /
         (std::sqrt(v / (1 - std::pow(s.beta2, power))) + s.eps);
  }
  return p;
}

template <class P>
void check(const std::string& kind, const std::string& decay_on) {
  Case<P> test;
  test.settings.kind = kind;
  test.settings.decay_on = decay_on;
  test.settings.weight_decay = 0.1;
  Adam<P> adam(test.settings, test.store);
  const std::vector<double> start = parameter_values(test.store);
  std::vector<std::vector<double>> gradients(start.size());
  constexpr int steps = 4;
  for (int step = 0; step < steps; ++step) {
    test.set_gradients(static_cast<std::uint64_t>(10 * step));
    const std::vector<double> now = parameter_gradients(test.store);
    for (std::size_t i = 0; i < now.size(); ++i) gradients[i].push_back(now[i]);
    const UpdateReport report = adam.update(test.bench.context, test.settings.lr_peak, 1);
    EXPECT_TRUE(report.applied);
    EXPECT_NEAR(report.gradient_norm, std::sqrt(dot(now, now)), rounding<double>(20));
  }
  EXPECT_EQ(adam.updates(), steps);
  std::vector<double> expected;
  for (std::size_t i = 0; i < start.size(); ++i)
    expected.push_back(
        reference(test.settings, start[i], gradients[i], decay_on == "all" || i < 15 ? 0.1 : 0));
  expect_close(parameter_values(test.store), expected, rounding<typename P::Master>(steps),
               kind + ", decay on " + decay_on);
}

TEST(Adam, EqualsTheFormula) {
  for (const std::string kind : {"adam", "adamw"})
    for (const std::string decay_on : {"all", "matrices"}) {
      check<F32>(kind, decay_on);
      check<F64>(kind, decay_on);
    }
}

/// A gradient n times too long gives the update of the same gradient at the clipping norm.
TEST(Adam, ClipsTheGlobalNorm) {
  Case<F64> clipped, short_one;
  clipped.settings.clip_norm = 0.25;
  clipped.set_gradients(1);
  short_one.set_gradients(1);
  Adam<F64> first(clipped.settings, clipped.store), second(short_one.settings, short_one.store);
  const UpdateReport report = first.update(clipped.bench.context, 0.1, 1);
  EXPECT_GT(report.gradient_norm, 0.25) << "reported before clipping";
  for (auto& p : short_one.store.parameters()) {
    std::vector<double> g = to_host(p.gradient);
    for (double& value : g) value *= 0.25 / report.gradient_norm;
    to_device(p.gradient, g);
  }
  second.update(short_one.bench.context, 0.1, 1);
  expect_close(to_host(first.first_moment()), to_host(second.first_moment()), rounding<double>(1),
               "first moment");
  expect_close(parameter_values(clipped.store), parameter_values(short_one.store),
               rounding<double>(1), "parameters");
}

TEST(Adam, SkipsWhatIsNotFinite) {
  Case<F32> test;
  Adam<F32> adam(test.settings, test.store);
  test.set_gradients(1);
  const std::vector<double> start = parameter_values(test.store);
  const double infinite = std::numeric_limits<double>::infinity();
  EXPECT_FALSE(adam.update(test.bench.context, 0.1, infinite).applied);
  EXPECT_FALSE(adam.update(test.bench.context, 0.1, std::nan("")).applied);
  to_device(test.store.find("vector")->gradient,
            std::vector<float>{0, std::numeric_limits<float>::quiet_NaN(), 0, 0});
  EXPECT_FALSE(adam.update(test.bench.context, 0.1, 1).applied);
  EXPECT_EQ(adam.skipped_in_a_row(), 3);
  EXPECT_EQ(adam.updates(), 0);
  EXPECT_EQ(parameter_values(test.store), start);
  test.set_gradients(1);
  EXPECT_TRUE(adam.update(test.bench.context, 0.1, 1).applied);
  EXPECT_EQ(adam.skipped_in_a_row(), 0);
  EXPECT_EQ(adam.skipped(), 3);
  EXPECT_NE(parameter_values(test.store), start);
}

TEST(Adam, FrozenParametersStay) {
  Case<F64> test;
  Parameter<F64>& matrix = *test.store.find("matrix");
  matrix.trainable = false;
  test.set_gradients(1);
  Adam<F64> adam(test.settings, test.store);
  const auto start = to_host(matrix.value), vector = to_host(test.store.find("vector")->value);
  adam.update(test.bench.context, 0.1, 1);
  EXPECT_EQ(to_host(matrix.value), start);
  EXPECT_NE(to_host(test.store.find("vector")->value), vector);
}

/// Each part of the model has its own factor: the first step of Adam is as long as the rate.
TEST(Adam, RatesOfParts) {
  const OptimSettings settings{.kind = "adam",
                               .weight_decay = 0,
                               .sequence_rate = 0.5,
                               .structure_rate = 0.25,
                               .head_rate = 0.125};
  const std::vector<std::pair<Part, double>> factors = {{Part::sequence, 0.5},
                                                        {Part::structure, 0.25},
                                                        {Part::sequence_head, 0.125},
                                                        {Part::structure_head, 0.125},
                                                        {Part::scale, 1}};
  ASSERT_EQ(factors.size(), number_of_parts);
  Bench bench;
  ParameterStore<F64> store;
  for (const auto& [part, factor] : factors) {
    store.set_part(part);
    store.add(name_of(part), {3}, Init::constant(1));
  }
  store.freeze();
  store.initialize(1);
  for (auto& p : store.parameters()) to_device(p.gradient, std::vector<double>{1, -2, 3});
  Adam<F64> adam(settings, store);
  constexpr double rate = 0.1;
  adam.update(bench.context, rate, 1);
  for (const auto& [part, factor] : factors) {
    const double step = rate * factor;
    expect_close(to_host(store.find(name_of(part))->value), {1 - step, 1 + step, 1 - step}, 1e-8,
                 name_of(part));
  }
}

/// The first step of Adam without eps is as long as the rate: below each layer it is shorter.
TEST(Adam, RatesOfLayers) {
  const OptimSettings settings{
      .kind = "adam", .weight_decay = 0, .sequence_rate = 0.5, .layer_decay = 0.25};
  Bench bench;
  ParameterStore<F64> store;
  store.set_part(Part::sequence);
  for (const int above : {3, 1, 0}) {
    store.set_layers_above(above);
    store.add(std::to_string(above), {2, 2}, Init::constant(1));
    store.add(std::to_string(above) + " bias", {2}, Init::constant(1));
  }
  store.set_part(Part::scale);
  store.add("scale", {}, Init::constant(1));
  store.freeze();
  store.initialize(1);
  for (auto& p : store.parameters()) to_device(p.gradient, std::vector<double>(p.size, -2));
  Adam<F64> adam(settings, store);
  constexpr double rate = 0.1;
  adam.update(bench.context, rate, 1);
  for (const auto& p : store.parameters()) {
    const double step = p.name == "scale" ? rate : 0.5 * rate * std::pow(0.25, p.name[0] - '0');
    expect_close(to_host(p.value), std::vector<double>(p.size, 1 + step), 1e-8, p.name);
  }
}

/// a = d a + (1 - d) p with d = min(ema_decay, (1 + t) / (10 + t)), from the first weights on.
TEST(Adam, AveragesTheWeights) {
  Case<F64> test;
  test.settings.ema_decay = 0.3;
  test.store.find("vector")->trainable = false;
  Adam<F64> adam(test.settings, test.store);
  EXPECT_TRUE(adam.keeps_average());
  std::vector<double> expected = to_host(test.store.values());
  const std::vector<double> vector = to_host(test.store.find("vector")->value);
  constexpr int steps = 6;  // the fourth is the first with d = ema_decay
  for (int t = 1; t <= steps; ++t) {
    test.set_gradients(static_cast<std::uint64_t>(t));
    adam.update(test.bench.context, 0.1, t == 2 ? std::nan("") : 1);
    if (t == 2) continue;  // skipped: the average stays
    const double updates = static_cast<double>(adam.updates());
    const double d = std::min(0.3, (1 + updates) / (10 + updates));
    const std::vector<double> now = to_host(test.store.values());
    for (std::size_t i = 0; i < now.size(); ++i) expected[i] = d * expected[i] + (1 - d) * now[i];
  }
  expect_close(to_host(adam.average()), expected, rounding<double>(steps), "average");

  const std::vector<double> values = to_host(test.store.values()),
                            average = to_host(adam.average());
  const std::uint64_t version = test.store.version();
  adam.swap_average();
  EXPECT_EQ(to_host(test.store.values()), average);
  EXPECT_EQ(to_host(test.store.find("vector")->value), vector) << "frozen";
  EXPECT_GT(test.store.version(), version);
  adam.swap_average();
  EXPECT_EQ(to_host(test.store.values()), values);
  EXPECT_EQ(to_host(adam.average()), average);
}

TEST(Adam, AveragesBeforeTheFirstUpdateAreTheWeights) {
  Case<F32> test;
  test.settings.ema_decay = 0.99;
  Adam<F32> adam(test.settings, test.store);
  const std::vector<double> start = parameter_values(test.store);
  adam.swap_average();
  EXPECT_EQ(parameter_values(test.store), start);
}

}  // namespace
