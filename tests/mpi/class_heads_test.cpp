// ClassHeads over a global batch: against values that tests/run/loss_values.py computes with the
// formula in f64, gradients by differences, and the same bits as one rank computes alone.
#include "model/class_heads.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"
#include "support/recorded_losses.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

const std::vector<int> proteins_of_shard = {2, 1, 2, 1};  // of the second no class is known
constexpr std::size_t proteins = 6, columns = 8, levels = 2;

const Numbers& recorded(const std::string& name) { return recorded_losses().at("classes." + name); }

/// The numbers of tests/run/loss_values.py.
ClassSettings recorded_settings() {
  ClassSettings settings;
  settings.label = "scop";
  settings.weights = {1, 0.25};
  settings.sizes = {3, 7};
  return settings;
}

/// What each shard amounts to, one after the other: of this rank, or of all.
struct ClassOutcome {
  double loss = 0;
  ClassLevelSums sums;
  Numbers dx, dy, dparameters;
};

/// This rank's part of the work of `communicator`. `known`: the recorded classes, or none at all.
template <class P>
ClassOutcome classify(const Communicator& communicator, const Numbers& x, const Numbers& y,
                      bool known = true, const Numbers& parameters = {}) {
  using Real = typename P::Real;
  using Heads = ClassHeads<P>;
  Bench bench;
  ParameterStore<P> store;
  const Heads heads = Heads::add(store, recorded_settings(), columns);
  store.freeze();
  for (auto& p : store.parameters()) to_device(p.value, converted<Real>(recorded(p.name)));
  if (!parameters.empty()) set_parameter_values(store, parameters);
  BatchLayout layout;
  layout.proteins_of_shard = proteins_of_shard;
  layout.local_shards = layout.shards() / communicator.size();
  layout.first_local = layout.local_shards * communicator.rank();

  const auto shards = static_cast<std::size_t>(layout.local_shards);
  std::vector<typename Heads::Saved> of_sequence(shards), of_structure(shards);
  std::vector<ClassLevelSums> mine;
  for (std::size_t k = 0; k < shards; ++k) {
    const int first = layout.start_of(layout.first_local + static_cast<int>(k));
    const auto count = static_cast<std::size_t>(
        proteins_of_shard[static_cast<std::size_t>(layout.first_local) + k]);
    const auto upload = [&](const Numbers& all) {
      const auto begin = all.begin() + first * static_cast<int>(columns);
      const Matrix<Real> rows = bench.inputs.matrix<Real>(count, columns);
      to_device(rows, std::vector<Real>(begin, begin + static_cast<int>(count * columns)));
      return rows;
    };
    std::vector<int> classes;
    for (std::size_t l = 0; known && l < levels; ++l)
      for (std::size_t i = 0; i < count; ++i)
        classes.push_back(static_cast<int>(
            recorded("known")[l * proteins + static_cast<std::size_t>(first) + i]));
    heads.forward(bench.context, upload(x), classes, of_sequence[k]);
    heads.forward(bench.context, upload(y), classes, of_structure[k]);
    mine.push_back(Heads::sums_of(of_sequence[k], of_structure[k]));
  }
  ClassOutcome outcome;
  outcome.sums = sum_over_shards(bench.inputs, communicator, layout, mine);
  outcome.loss = heads.loss(outcome.sums);
  const auto factors = heads.factors(outcome.sums);
  const auto append = [](Numbers& all, const Numbers& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  for (std::size_t k = 0; k < shards; ++k) {
    const std::size_t count = of_sequence[k].level[0].x.extent(0);
    const Guarded<Real> dx(Numbers(count * columns, 0)), dy(Numbers(count * columns, 0));
    store.zero_gradients();
    heads.backward(bench.context, of_structure[k], factors, dy.matrix(count, columns));
    heads.backward(bench.context, of_sequence[k], factors, dx.matrix(count, columns));
    append(outcome.dx, dx.host());
    append(outcome.dy, dy.host());
    append(outcome.dparameters, parameter_gradients(store));
  }
  EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
  return outcome;
}

template <class P>
ClassOutcome classify(const Communicator& communicator) {
  return classify<P>(communicator, recorded("x"), recorded("y"));
}

/// Of the gradients of all shards, one after the other, their sum.
Numbers sum_of_shards(const Numbers& gradients) {
  Numbers sum(gradients.size() / proteins_of_shard.size(), 0);
  for (std::size_t i = 0; i < gradients.size(); ++i) sum[i % sum.size()] += gradients[i];
  return sum;
}

template <class P>
void check_values() {
  const ClassOutcome alone = classify<P>(Communicator::self());
  const double tolerance = rounding<typename P::Real>(2 * proteins * columns);
  const auto close = [&](const Numbers& found, const std::string& name) {
    expect_close(found, recorded(name), tolerance, name);
  };
  close({alone.loss}, "loss");
  close(alone.dx, "d.x");
  close(alone.dy, "d.y");
  Numbers wanted;
  for (const char* name : {"1.weight", "1.bias", "2.weight", "2.bias"})
    for (const double value : recorded(std::string("d.class_heads.") + name))
      wanted.push_back(value);
  expect_close(sum_of_shards(alone.dparameters), wanted, tolerance, "parameters");
  const Numbers rows = {4, 3};
  for (std::size_t l = 0; l < levels; ++l) {
    const ClassSums& level = alone.sums.level[l];
    const std::string right = "right." + std::to_string(l + 1);
    EXPECT_EQ((Numbers{level.sequence.right}), recorded(right + ".x"));
    EXPECT_EQ((Numbers{level.structure.right}), recorded(right + ".y"));
    EXPECT_EQ(level.sequence.rows, rows[l]);
    EXPECT_EQ(level.structure.rows, rows[l]);
  }
}

TEST(ClassHeads, EqualTheRecordedValues) {
  check_values<F32>();
  check_values<F64>();
}

TEST(ClassHeads, GradientsByDifferences) {
  const Numbers &x = recorded("x"), &y = recorded("y");
  const ClassOutcome alone = classify<F64>(Communicator::self());
  const auto loss = [](const Numbers& a, const Numbers& b, const Numbers& parameters) {
    return classify<F64>(Communicator::self(), a, b, true, parameters).loss;
  };
  Numbers parameters;
  for (const char* name : {"1.weight", "1.bias", "2.weight", "2.bias"})
    for (const double value : recorded(std::string("class_heads.") + name))
      parameters.push_back(value);
  expect_gradient(
      "sequence", [&](const Numbers& v) { return loss(v, y, {}); }, x, alone.dx, alone.loss);
  expect_gradient(
      "structure", [&](const Numbers& v) { return loss(x, v, {}); }, y, alone.dy, alone.loss);
  expect_gradient(
      "parameters", [&](const Numbers& v) { return loss(x, y, v); }, parameters,
      sum_of_shards(alone.dparameters), alone.loss);
}

template <class P>
void check_ranks() {
  const Communicator world = Communicator::world();
  const ClassOutcome alone = classify<P>(Communicator::self()), together = classify<P>(world);
  EXPECT_EQ(together.loss, alone.loss);
  const auto gathered = [&](const Numbers& mine) {
    return world.all_gather(std::span<const double>(mine));
  };
  EXPECT_EQ(gathered(together.dx), alone.dx);
  EXPECT_EQ(gathered(together.dy), alone.dy);
  EXPECT_EQ(gathered(together.dparameters), alone.dparameters);
}

TEST(ClassHeads, SameBitsOnAnyNumberOfRanks) {
  check_ranks<F32>();
  check_ranks<F64>();
}

TEST(ClassHeads, ABatchWithoutLabelsAddsNothing) {
  const ClassOutcome none =
      classify<F64>(Communicator::world(), recorded("x"), recorded("y"), false);
  EXPECT_EQ(none.loss, 0);
  EXPECT_EQ(max_abs(none.dx), 0);
  EXPECT_EQ(max_abs(none.dparameters), 0);
}

/// Each crop of a sequence counts a K-th of its protein: K equal ones are as one.
TEST(ClassHeads, CropsShareTheWeightOfTheirProtein) {
  constexpr std::size_t crops = 3;
  Numbers repeated;
  const Numbers& x = recorded("x");
  for (std::size_t i = 0; i < proteins; ++i)
    for (std::size_t k = 0; k < crops; ++k)
      for (std::size_t c = 0; c < columns; ++c) repeated.push_back(x[i * columns + c]);
  Bench bench;
  ParameterStore<F64> store;
  const auto heads = ClassHeads<F64>::add(store, recorded_settings(), columns);
  store.freeze();
  for (auto& p : store.parameters()) to_device(p.value, recorded(p.name));
  std::vector<int> classes;
  for (const double known : recorded("known")) classes.push_back(static_cast<int>(known));

  struct Told {
    double loss;
    Numbers dx;
  };
  const Guarded<double> structure(recorded("y"));
  const auto tell = [&](const Numbers& rows) {
    const std::size_t count = rows.size() / columns;
    const Guarded<double> given(rows), dx(Numbers(rows.size(), 0));
    ClassHeads<F64>::Saved of_rows, of_structure;
    heads.forward(bench.context, given.matrix(count, columns), classes, of_rows);
    heads.forward(bench.context, structure.matrix(proteins, columns), classes, of_structure);
    const ClassLevelSums sums = ClassHeads<F64>::sums_of(of_rows, of_structure);
    store.zero_gradients();
    heads.backward(bench.context, of_rows, heads.factors(sums), dx.matrix(count, columns));
    return Told{heads.loss(sums), dx.host()};
  };
  const Told one = tell(x), several = tell(repeated);
  EXPECT_GT(max_abs(one.dx), 0);
  expect_close({several.loss}, {one.loss}, rounding<double>(columns), "loss");
  Numbers shared;
  for (std::size_t i = 0; i < repeated.size(); ++i)
    shared.push_back(one.dx[i / (crops * columns) * columns + i % columns] / crops);
  expect_close(several.dx, shared, rounding<double>(columns), "gradients");
}

/// Thousands of classes, and heads as they start: the loss of a level is 1, whatever its size.
TEST(ClassHeads, StartAtALossOfOne) {
  Bench bench;
  ParameterStore<F32> store;
  ClassSettings settings;
  settings.label = "cath";
  settings.weights = {1, 0, 0.5};
  settings.sizes = {2, 20000};
  const auto heads = ClassHeads<F32>::add(store, settings, columns);
  store.freeze();
  store.initialize(1);
  EXPECT_EQ(store.parameters()[2].name, "class_heads.3.weight");
  const Guarded<float> x(recorded("x"));
  ClassHeads<F32>::Saved saved;
  const std::vector<int> classes = {0, 1, 0, 1, -1, 1, 0, 19999, 5, 6, 7, -1};
  heads.forward(bench.context, x.matrix(proteins, columns), classes, saved);
  const ClassLevelSums sums = ClassHeads<F32>::sums_of(saved, saved);
  expect_close({heads.level_loss(0, sums.level[0]), heads.level_loss(1, sums.level[1])}, {1, 1},
               rounding<float>(20000), "losses");
  expect_close({heads.loss(sums)}, {1.5}, rounding<float>(20000), "weighted");
}

}  // namespace
