// SequenceEncoder: gradients, independence of packing, causal attention, freezing, evaluation.
#include "model/sequence_encoder.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "data/alphabet.hpp"
#include "support/layers.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

constexpr std::size_t width = 12;

/// Tokens of a few proteins, some masked, one of a single residue.
const std::vector<std::vector<int>> proteins = [] {
  std::vector<std::vector<int>> all = {tokenize("MKVLAGHH"), tokenize("W"), tokenize("ACDEFXQKLM")};
  all[0][3] = all[0][7] = all[2][1] = token_mask;
  return all;
}();

template <class P>
struct Case {
  using Real = typename P::Real;

  ParameterStore<P> store;
  Bench bench;
  SequenceEncoder<P> encoder;
  typename SequenceEncoder<P>::Saved saved;

  explicit Case(double dropout = 0, bool causal = false) {
    encoder = SequenceEncoder<P>::add(
        store, "", {.layers = 3, .width = width, .heads = 2, .dropout = dropout, .causal = causal});
    store.freeze();
    randomize(store, 1);
    bench.context.training = dropout > 0;
  }
  SequenceInput input(const std::vector<std::vector<int>>& tokens,
                      const std::vector<int>& identity = {}) {
    std::vector<int> rows, packed;
    for (const auto& t : tokens) {
      rows.push_back(static_cast<int>(t.size()));
      packed.insert(packed.end(), t.begin(), t.end());
    }
    return {make_offsets(bench.inputs, rows, identity), bench.inputs.host_copy<int>(packed)};
  }
  std::vector<double> forward(const SequenceInput& in, bool differentiate = true) {
    bench.saved.release({});
    const auto rep = to_host(encoder.forward(bench.context, in, saved, differentiate));
    return std::vector<double>(rep.begin(), rep.end());
  }
  void backward(const std::vector<double>& values) {
    const Guarded<Real> drep(values);
    encoder.backward(bench.context, saved, drep.matrix(values.size() / width, width));
  }
};

TEST(SequenceEncoder, GradientByDifferences) {
  for (const bool causal : {false, true})
    for (const double dropout : {0.0, 0.2}) {
      Case<F64> test(dropout, causal);
      const SequenceInput input = test.input(proteins);
      expect_layer_gradients(causal ? "causal sequence encoder" : "sequence encoder", test.store,
                             {[&](const auto&) { return test.forward(input); },
                              [&](const auto& drep) {
                                test.backward(drep);
                                return std::vector<double>();
                              }},
                             {});
    }
}

/// The proteins with other residues behind row `last` of each. What is <mask> stays so: the
/// factor of token dropout counts masks over the whole protein.
std::vector<std::vector<int>> with_another_end(std::size_t last) {
  std::vector<std::vector<int>> changed = proteins;
  for (auto& tokens : changed)
    for (std::size_t row = last + 1; row < tokens.size(); ++row)
      if (tokens[row] != token_mask)
        tokens[row] =
            tokens[row] == first_residue_token ? first_residue_token + 1 : first_residue_token;
  return changed;
}

/// Causal: what stands behind a row changes nothing in it, bit for bit, with dropout and without,
/// kept for backward or not; the rows behind see it. Without causal every row sees it.
template <class P>
void expect_rows_see_what_is_before(bool causal, double dropout, bool differentiate) {
  Case<P> test(dropout, causal);
  const std::vector<double> rep = test.forward(test.input(proteins), differentiate);
  for (const std::size_t last : {0, 1, 4, 8}) {
    const auto changed = with_another_end(last);
    const std::vector<double> other = test.forward(test.input(changed), differentiate);
    auto before = rep.begin(), after = other.begin();
    for (std::size_t b = 0; b < proteins.size(); ++b) {
      for (std::size_t row = 0; row < proteins[b].size(); ++row) {
        const std::size_t seen = causal ? row + 1 : proteins[b].size();
        const bool sees_the_same =
            std::equal(changed[b].begin(), changed[b].begin() + static_cast<std::ptrdiff_t>(seen),
                       proteins[b].begin());
        const auto next = before + static_cast<std::ptrdiff_t>(width);
        EXPECT_EQ(std::equal(before, next, after), sees_the_same)
            << "row " << row << " of protein " << b << ", changed behind row " << last;
        before = next;
        after += static_cast<std::ptrdiff_t>(width);
      }
    }
  }
}

TEST(SequenceEncoder, CausalRowsSeeWhatIsBefore) {
  for (const bool causal : {true, false})
    for (const double dropout : {0.0, 0.2})
      for (const bool differentiate : {true, false}) {
        expect_rows_see_what_is_before<F64>(causal, dropout, differentiate);
        expect_rows_see_what_is_before<F32>(causal, dropout, differentiate);
      }
}

/// A protein alone and packed with others: the same to the rounding of the products, whose order
/// of additions may depend on the number of rows. Dropout is on: masks follow the identity.
TEST(SequenceEncoder, DoesNotDependOnThePacking) {
  Case<F64> together(0.2), alone(0.2);
  const std::vector<double> all = together.forward(together.input(proteins, {5, 9, 2}));
  const std::vector<double> w = random_numbers(all.size(), 3);
  together.backward(w);
  auto row = all.begin();
  auto weight = w.begin();
  const int identity[] = {5, 9, 2};
  for (std::size_t b = 0; b < proteins.size(); ++b) {
    const auto size = static_cast<std::ptrdiff_t>(proteins[b].size() * width);
    expect_close(alone.forward(alone.input({proteins[b]}, {identity[b]})),
                 std::vector<double>(row, row + size), rounding<double>(1000), "rep");
    alone.backward(std::vector<double>(weight, weight + size));
    row += size;
    weight += size;
  }
  expect_close(parameter_gradients(alone.store), parameter_gradients(together.store),
               rounding<double>(1000), "sum of the gradients");
}

TEST(SequenceEncoder, EvaluationHasTheSameBits) {
  Case<F32> test;
  const SequenceInput input = test.input(proteins);
  const std::vector<double> rep = test.forward(input);
  const std::size_t kept = test.bench.saved.stack().in_use();
  EXPECT_EQ(test.forward(input, false), rep);
  EXPECT_LT(test.bench.saved.stack().in_use(), kept / 2);
}

TEST(SequenceEncoder, FrozenLayersHaveNoGradientAndChangeNoOther) {
  Case<F64> free;
  const SequenceInput input = free.input(proteins);
  const std::vector<double> rep = free.forward(input), w = random_numbers(rep.size(), 3);
  free.backward(w);
  for (const int layers : {1, 2, 3}) {
    Case<F64> frozen;
    frozen.encoder.freeze(layers);
    EXPECT_EQ(frozen.forward(input), rep);
    frozen.backward(w);
    int trained = 0;
    for (const auto& p : frozen.store.parameters()) {
      const auto gradient = to_host(p.gradient);
      trained += p.trainable;
      if (p.trainable)
        EXPECT_EQ(gradient, to_host(free.store.find(p.name)->gradient)) << p.name;
      else
        EXPECT_EQ(gradient, std::vector<double>(p.size, 0)) << p.name;
    }
    constexpr int of_block = 16, of_norm = 2;
    EXPECT_EQ(trained, layers == 3 ? 0 : (3 - layers) * of_block + of_norm);
  }
}

TEST(SequenceEncoder, StartsAsEsm2Does) {
  Case<F64> test;
  test.store.initialize(7);
  EXPECT_EQ(max_abs(parameter_values(test.store)) > 1, true) << "normal embedding";
  const auto bias = to_host(test.store.find("layers.1.self_attn.out_proj.bias")->value);
  EXPECT_EQ(bias, std::vector<double>(width, 0));
  const auto gain = to_host(test.store.find("layers.1.final_layer_norm.weight")->value);
  EXPECT_EQ(gain, std::vector<double>(width, 1));
}

}  // namespace
