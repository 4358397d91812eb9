// LanguageHead: against values that tests/run/loss_values.py computes, alone and behind an encoder
// that predicts next or masked residues, and gradients by its rows and all parameters, the table of
// the encoder among them.
#include "model/language_head.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "data/alphabet.hpp"
#include "data/batch.hpp"
#include "model/sequence_encoder.hpp"
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

/// The proteins of loss_values.py, each with the rows that `mlm` hides.
struct Sequence {
  const char* letters;
  std::vector<std::size_t> hidden;
};
const std::vector<Sequence> sequences = {{"MKVLAGHHXW", {2, 7}}, {"DECADE", {1}}};

/// Next residues as training makes them targets; hidden ones without chance.
data::SequenceRows rows_to_predict(bool causal) {
  data::ShardRows shard;
  for (const auto& [letters, hidden] : sequences) {
    const std::string sequence = letters;
    const data::Protein protein{.name = sequence,
                                .sequence = sequence,
                                .coordinates = std::vector<float>(9 * sequence.size()),
                                .confidence = std::vector<float>(sequence.size(), 1)};
    const std::size_t first = shard.sequence.tokens.size();
    data::append_protein(shard, shard.proteins(), protein,
                         data::whole_chain(static_cast<int>(sequence.size())),
                         {.predicted = data::Predicted::next});
    if (causal) continue;
    std::fill(shard.sequence.targets.begin() + static_cast<std::ptrdiff_t>(first),
              shard.sequence.targets.end(), -1);
    for (const std::size_t row : hidden)
      shard.sequence.targets[first + row] =
          std::exchange(shard.sequence.tokens[first + row], token_mask);
  }
  return shard.sequence;
}

template <class P>
void check_encoder(bool causal) {
  using Real = typename P::Real;
  ParameterStore<P> store;
  const auto encoder =
      SequenceEncoder<P>::add(store, "", {.layers = 2, .width = 8, .heads = 2, .causal = causal});
  const auto head = LanguageHead<P>::add(store, "", encoder.table);
  store.freeze();
  const auto& values = recorded_losses();
  for (auto& parameter : store.parameters())
    to_device(parameter.value,
              converted<typename P::Master>(values.at("encoder." + parameter.name)));
  Bench bench;
  const data::SequenceRows shown = rows_to_predict(causal);
  typename SequenceEncoder<P>::Saved saved;
  const Matrix<Real> rep = encoder.forward(
      bench.context, {make_offsets(bench.inputs, shown.rows, {0, 1}), shown.tokens}, saved, true);
  typename LanguageHead<P>::Saved predicted;
  head.forward(bench.context, rep, shown.targets, predicted);
  const std::string kind = causal ? "encoder.causal" : "encoder.mlm";
  constexpr int longest_chain = 2 * 64;  // of roundings that follow each other
  expect_close({predicted.tokens.sums.loss}, values.at(kind + ".loss"),
               rounding<Real>(longest_chain), kind);
  EXPECT_EQ((Numbers{predicted.tokens.sums.right}), values.at(kind + ".right"));
}

TEST(LanguageHead, BehindAnEncoderEqualsTheRecordedValues) {
  for (const bool causal : {false, true}) {
    check_encoder<F32>(causal);
    check_encoder<F64>(causal);
  }
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
