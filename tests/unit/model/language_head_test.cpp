// LanguageHead: against values that tests/run/loss_values.py computes, and gradients by its rows
// and all parameters, the table of the encoder among them.
#include "model/language_head.hpp"

#include <gtest/gtest.h>

#include "data/alphabet.hpp"
#include "support/layers.hpp"
#include "support/recorded_losses.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

constexpr std::size_t rows = 5, columns = 6;
const std::vector<int> targets = {7, -1, 32, 7, 0};  // one row predicts nothing

template <class P>
struct Case {
  using Real = typename P::Real;
  Bench bench;
  ParameterStore<P> store;
  Weight<P> table{store.add("embed_tokens.weight", {alphabet_size, columns}, Init::normal(1))};
  LanguageHead<P> head = LanguageHead<P>::add(store, "", table);
  typename LanguageHead<P>::Saved saved;

  Case() {
    store.freeze();
    randomize(store, 4);
  }
  double forward(const Numbers& x) {
    bench.saved.release({});
    const Matrix<Real> rep = bench.saved.template matrix<Real>(rows, columns);
    to_device(rep, converted<Real>(x));
    head.forward(bench.context, rep, targets, saved);
    EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
    return saved.tokens.sums.loss;
  }
};

template <class P>
void check_values() {
  Case<P> test;
  const auto& values = recorded_losses();
  for (auto& parameter : test.store.parameters())
    to_device(parameter.value,
              converted<typename P::Master>(values.at("language." + parameter.name)));
  test.forward(values.at("language.rep"));
  const double tolerance = rounding<typename P::Real>(4 * columns);
  expect_close({test.saved.tokens.sums.loss}, values.at("language.loss"), tolerance, "loss");
  EXPECT_EQ(test.saved.tokens.sums.rows, 4);
  EXPECT_EQ((Numbers{test.saved.tokens.sums.right}), values.at("language.right"));
}

TEST(LanguageHead, EqualsTheRecordedValues) {
  check_values<F32>();
  check_values<F64>();
}

TEST(LanguageHead, GradientsByDifferences) {
  Case<F64> test;
  DifferentiableLayer layer;
  layer.forward = [&](const Numbers& x) { return Numbers{test.forward(x)}; };
  layer.backward = [&](const Numbers& factor) {
    const Guarded<double> drep(Numbers(rows * columns, 0));
    test.head.backward(test.bench.context, test.saved, factor[0], drep.matrix(rows, columns));
    return drep.host();
  };
  expect_layer_gradients("language head", test.store, layer, random_numbers(rows * columns, 1));
}

}  // namespace
