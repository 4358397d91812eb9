// Layer norm, attention, block and stack as layers: gradients by differences, dropout, freezing,
// evaluation without memory, mixing of layers, recomputation.
#include "layers/transformer_block.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/layers.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

const std::vector<int> lengths = {1, 6, 3};
constexpr std::size_t n = 10;
constexpr std::size_t width = 12;

TransformerShape shape_of(int layers, bool rotary, double dropout) {
  return {.layers = layers,
          .width = width,
          .heads = 3,
          .feed_forward = 20,
          .activation = rotary ? Activation::gelu : Activation::tanh,
          .rotary = rotary,
          .dropout = dropout,
          .attention_dropout = dropout};
}

template <class T>
std::vector<double> host(const Matrix<T>& view) {
  const auto values = to_host(view);
  return std::vector<double>(values.begin(), values.end());
}

/// A layer on packed rows [N, C] -> [N, C]; `Layer` is one of the types below.
struct Packed {
  ParameterStore<F64> store;
  Bench bench;
  Offsets offsets = make_offsets(bench.inputs, lengths);
  Matrix<double> x = bench.inputs.matrix<double>(n, width);
  Matrix<double> dy = bench.inputs.matrix<double>(n, width);
  Matrix<double> dx = bench.inputs.matrix<double>(n, width);

  Packed() {
    bench.context.training = true;
    bench.context.random = {{3, 4}};
  }
  void finish() {
    store.freeze();
    randomize(store, 1);
  }
  void set_input(const std::vector<double>& values) {
    bench.saved.release({});
    to_device(x, values);
  }
  void expect_memory_returned() const { EXPECT_EQ(bench.scratch.stack().in_use(), 0u); }
};

TEST(LayerNormLayer, GradientByDifferences) {
  Packed p;
  const auto norm = LayerNorm<F64>::add(p.store, "norm", width);
  LayerNorm<F64>::Saved saved;
  p.finish();
  expect_layer_gradients("layer norm", p.store,
                         {[&](const auto& values) {
                            p.set_input(values);
                            return host(norm.forward(p.bench.context, p.x, saved));
                          },
                          [&](const auto& values) {
                            to_device(p.dy, values);
                            norm.backward(p.bench.context, saved, p.dy, p.dx);
                            return host(p.dx);
                          }},
                         random_numbers(n * width, 2));
  p.expect_memory_returned();
}

TEST(SelfAttention, GradientByDifferences) {
  for (const bool rotary : {false, true})
    for (const double dropout : {0.0, 0.3}) {
      Packed p;
      const auto attention =
          SelfAttention<F64>::add(p.store, "attention", width, 3, rotary, dropout);
      SelfAttention<F64>::Saved saved;
      p.finish();
      expect_layer_gradients(
          "attention", p.store,
          {[&](const auto& values) {
             p.set_input(values);
             const auto out = attention.forward(p.bench.context, p.x, p.offsets, saved);
             kernels::add_bias(out, flat(attention.output.bias.value()));  // left to the residual
             return host(out);
           },
           [&](const auto& values) {
             to_device(p.dy, values);
             attention.backward(p.bench.context, saved, p.offsets, p.dy, p.dx);
             return host(p.dx);
           }},
          random_numbers(n * width, 2));
      p.expect_memory_returned();
    }
}

struct Stacked : Packed {
  TransformerStack<F64> stack;
  TransformerStack<F64>::Saved saved;

  Stacked(int layers, bool rotary, double dropout, int mixed = 1, bool learned = false) {
    stack = TransformerStack<F64>::add(store, "layers", shape_of(layers, rotary, dropout));
    stack.mix = LayerMix<F64>::add(store, "layer_weights", mixed, learned);
    finish();
  }
  std::vector<double> forward(const std::vector<double>& values) {
    set_input(values);
    return host(stack.forward(bench.context, x, offsets, &saved));
  }
  std::vector<double> evaluate(const std::vector<double>& values) {
    set_input(values);
    return host(stack.forward(bench.context, x, offsets, nullptr));
  }
  std::vector<double> backward(const std::vector<double>& values) {
    to_device(dx, values);
    stack.backward(bench.context, saved, offsets, dx);
    return host(dx);
  }
};

TEST(TransformerStack, GradientByDifferences) {
  for (const bool rotary : {false, true})
    for (const double dropout : {0.0, 0.3}) {
      Stacked s(2, rotary, dropout);
      expect_layer_gradients("stack", s.store,
                             {[&](const auto& x) { return s.forward(x); },
                              [&](const auto& dy) { return s.backward(dy); }},
                             random_numbers(n * width, 2));
      s.expect_memory_returned();
    }
}

TEST(TransformerStack, GradientOfMixedLayersByDifferences) {
  for (const int mixed : {2, 3})
    for (const bool learned : {false, true})
      for (const bool recompute : {false, true}) {
        Stacked s(3, true, 0.3, mixed, learned);
        s.stack.recompute = recompute;
        EXPECT_EQ(s.store.find("layer_weights") != nullptr, learned);
        expect_layer_gradients("stack of mixed layers", s.store,
                               {[&](const auto& x) { return s.forward(x); },
                                [&](const auto& dy) { return s.backward(dy); }},
                               random_numbers(n * width, 2));
        s.expect_memory_returned();
      }
}

/// Equal weights are the mean of what the blocks return one by one.
TEST(TransformerStack, MixesTheLastLayers) {
  const std::vector<double> x = random_numbers(n * width, 2);
  std::vector<std::vector<double>> outputs;
  Stacked mean(3, true, 0, 2);
  mean.bench.context.observer = [&](const std::string&, const auto& values, const auto&) {
    outputs.push_back(values);
  };
  const std::vector<double> y = mean.forward(x);
  ASSERT_EQ(outputs.size(), 3u);
  std::vector<double> expected;
  for (std::size_t i = 0; i < y.size(); ++i)
    expected.push_back((outputs[1][i] + outputs[2][i]) / 2);
  expect_close(y, expected, rounding<double>(2), "mean of two layers");

  Stacked learned(3, true, 0, 2, true);
  for (auto& p : learned.store.parameters())
    to_device(p.value, p.name == "layer_weights" ? std::vector<double>{0.5, 0.5 - std::log(3.0)}
                                                 : to_host(mean.store.find(p.name)->value));
  for (std::size_t i = 0; i < y.size(); ++i)
    expected[i] = 0.75 * outputs[1][i] + 0.25 * outputs[2][i];
  expect_close(learned.forward(x), expected, rounding<double>(2, 32), "weighted sum");
  EXPECT_EQ(learned.evaluate(x), learned.forward(x));
}

TEST(TransformerStack, RecomputedBlocksHaveTheSameBitsAndLessMemory) {
  const std::vector<double> x = random_numbers(n * width, 2), dy = random_numbers(n * width, 3);
  for (const int frozen : {0, 2})
    for (const int mixed : {1, 3}) {
      Stacked kept(4, true, 0.3, mixed, true), again(4, true, 0.3, mixed, true);
      kept.stack.freeze(frozen);
      again.stack.freeze(frozen);
      again.stack.recompute = true;
      EXPECT_EQ(again.forward(x), kept.forward(x));
      EXPECT_LT(again.bench.saved.stack().in_use(), kept.bench.saved.stack().in_use() / 2);
      const std::size_t held = again.bench.saved.stack().in_use();
      EXPECT_EQ(again.backward(dy), kept.backward(dy));
      EXPECT_EQ(again.bench.saved.stack().in_use(), held);
      EXPECT_EQ(parameter_gradients(again.store), parameter_gradients(kept.store));
      EXPECT_LT(again.bench.saved.stack().high_water(), kept.bench.saved.stack().high_water());
    }
}

/// The weights of a mix learn from frozen blocks, too, and those keep their outputs apart for it.
TEST(TransformerStack, LearnsToMixFrozenBlocks) {
  const std::vector<double> x = random_numbers(n * width, 2), dy = random_numbers(n * width, 3);
  Stacked free(3, true, 0, 3, true), frozen(3, true, 0, 3, true);
  frozen.stack.freeze(3);
  EXPECT_EQ(frozen.forward(x), free.forward(x));
  frozen.backward(dy);
  free.backward(dy);
  const auto gradient = to_host(frozen.store.find("layer_weights")->gradient);
  EXPECT_EQ(gradient, to_host(free.store.find("layer_weights")->gradient));
  EXPECT_GT(max_abs(gradient), 0);
}

TEST(TransformerStack, CountsTheLayersAbove) {
  Stacked s(3, true, 0, 2, true);
  EXPECT_EQ(s.store.find("layers.0.fc1.weight")->layers_above, 2);
  EXPECT_EQ(s.store.find("layers.2.fc2.bias")->layers_above, 0);
  EXPECT_EQ(s.store.find("layer_weights")->layers_above, 0);
}

/// Every site of dropout draws its own numbers, and none when not training.
TEST(TransformerStack, DropoutActsInTrainingOnly) {
  const std::vector<double> x = random_numbers(n * width, 2);
  Stacked without(2, true, 0), with(2, true, 0.3);
  EXPECT_NE(with.forward(x), without.forward(x));
  EXPECT_EQ(with.forward(x), with.forward(x));
  const std::vector<double> first = with.forward(x);
  with.bench.context.random = {{3, 5}};
  EXPECT_NE(with.forward(x), first);
  with.bench.context.training = false;
  EXPECT_EQ(with.forward(x), without.forward(x));
}

TEST(TransformerStack, EvaluationHasTheSameBitsAndTheMemoryOfOneBlock) {
  const std::vector<double> x = random_numbers(n * width, 2);
  Stacked s(4, true, 0);
  const std::vector<double> y = s.forward(x);
  const std::size_t kept = s.bench.saved.stack().in_use();
  EXPECT_EQ(s.evaluate(x), y);
  EXPECT_EQ(s.bench.saved.stack().in_use(), 0u);
  EXPECT_GT(kept, 0u);
}

/// Frozen blocks change nothing in the forward pass nor in the gradients of the blocks above.
TEST(TransformerStack, FrozenBlocks) {
  const std::vector<double> x = random_numbers(n * width, 2), dy = random_numbers(n * width, 3);
  Stacked free(3, true, 0.3), frozen(3, true, 0.3);
  frozen.stack.freeze(2);
  EXPECT_EQ(frozen.forward(x), free.forward(x));
  free.backward(dy);
  frozen.backward(dy);
  for (const auto& p : frozen.store.parameters()) {
    const auto gradient = to_host(p.gradient);
    EXPECT_EQ(p.trainable, p.name.starts_with("layers.2.")) << p.name;
    if (p.trainable)
      EXPECT_EQ(gradient, to_host(free.store.find(p.name)->gradient)) << p.name;
    else
      EXPECT_EQ(gradient, std::vector<double>(p.size, 0)) << p.name;
  }
}

TEST(TransformerStack, CountsItsOperations) {
  Stacked s(2, true, 0);
  const double before = s.bench.products.operations();
  s.forward(random_numbers(n * width, 2));
  // The products are those of the linear maps; attention is not done by them.
  EXPECT_EQ(s.bench.products.operations() - before,
            2 * block_operations(shape_of(2, true, 0), n, 0));
}

}  // namespace
