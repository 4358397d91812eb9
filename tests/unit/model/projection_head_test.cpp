// ProjectionHead: both kinds against a serial computation, gradients, dropout.
#include "model/projection_head.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/layers.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

const std::vector<int> lengths = {3, 7, 2};
constexpr std::size_t n = 12, width = 6, joint = 8;

template <class P>
struct Case {
  using Real = typename P::Real;

  ParameterStore<P> store;
  Bench bench;
  Offsets offsets = make_offsets(bench.inputs, lengths);
  Matrix<Real> rep = bench.inputs.matrix<Real>(n, width),
               drep = bench.inputs.matrix<Real>(n, width);
  ProjectionHead<P> head;
  typename ProjectionHead<P>::Saved saved;

  Case(HeadKind kind, Pooling pooling, double dropout = 0) {
    head = ProjectionHead<P>::add(
        store, "",
        {.kind = kind, .inputs = width, .width = joint, .dropout = dropout, .pooling = pooling});
    store.freeze();
    randomize(store, 1);
    bench.context.training = dropout > 0;
  }
  std::vector<double> forward(const std::vector<double>& x) {
    bench.saved.release({});
    to_device(rep, converted<Real>(x));
    const auto y = to_host(head.forward(bench.context, rep, offsets, saved));
    return std::vector<double>(y.begin(), y.end());
  }
  std::vector<double> backward(const std::vector<double>& values) {
    const Guarded<Real> dembedding(values);
    head.backward(bench.context, saved, dembedding.matrix(lengths.size(), joint), drep);
    const auto dx = to_host(drep);
    return std::vector<double>(dx.begin(), dx.end());
  }
  std::vector<double> values(const std::string& name) {
    const auto host = to_host(store.find(name)->value);
    return std::vector<double>(host.begin(), host.end());
  }
};

std::vector<double> linear(const std::vector<double>& x, const std::vector<double>& weight,
                           std::vector<double> y) {
  for (std::size_t i = 0; i < weight.size(); ++i) y[i / x.size()] += weight[i] * x[i % x.size()];
  return y;
}

/// The embedding of one pooled row.
template <class P>
std::vector<double> reference(Case<P>& test, std::vector<double> x) {
  const std::string name = "joint_embedding_projection.";
  x = linear(x, test.values(name + "0.weight"), test.values(name + "0.bias"));
  if (test.head.shape.kind == HeadKind::mlp_tanh) {
    for (double& value : x) value = std::tanh(value);
    x = linear(x, test.values(name + "2.weight"), test.values(name + "2.bias"));
  }
  const std::vector<double> gain = test.values("after_proj_ln.weight"),
                            bias = test.values("after_proj_ln.bias");
  double mean = 0, variance = 0;
  for (double value : x) mean += value / joint;
  for (double value : x) variance += (value - mean) * (value - mean) / joint;
  for (std::size_t j = 0; j < joint; ++j)
    x[j] = gain[j] * (x[j] - mean) / std::sqrt(variance + layer_norm_eps) + bias[j];
  const double length = std::sqrt(dot(x, x));
  for (double& value : x) value /= length;
  return x;
}

template <class P>
void check(HeadKind kind) {
  Case<P> test(kind, Pooling::bos);
  const std::vector<double> x = random_numbers(n * width, 2);
  std::vector<double> expected;
  std::size_t row = 0;
  for (const int length : lengths) {
    const auto begin = x.begin() + static_cast<std::ptrdiff_t>(row * width);
    const auto embedding =
        reference(test, std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(width)));
    expected.insert(expected.end(), embedding.begin(), embedding.end());
    row += static_cast<std::size_t>(length);
  }
  expect_close(test.forward(x), expected, rounding<typename P::Real>(4 * joint + width),
               "embedding");
}

TEST(ProjectionHead, EqualsTheSerialComputation) {
  for (const HeadKind kind : {HeadKind::mlp_tanh, HeadKind::linear}) {
    check<F32>(kind);
    check<F64>(kind);
  }
}

TEST(ProjectionHead, GradientByDifferences) {
  for (const HeadKind kind : {HeadKind::mlp_tanh, HeadKind::linear})
    for (const Pooling pooling : {Pooling::bos, Pooling::mean, Pooling::attention})
      for (const double dropout : {0.0, 0.3}) {
        Case<F64> test(kind, pooling, dropout);
        expect_layer_gradients("head", test.store,
                               {[&](const auto& x) { return test.forward(x); },
                                [&](const auto& dy) { return test.backward(dy); }},
                               random_numbers(n * width, 2), 1.0 / 4096);
      }
}

/// A query of zeros weighs all residues alike.
TEST(ProjectionHead, AttentionStartsAsTheMean) {
  Case<F64> mean(HeadKind::mlp_tanh, Pooling::mean),
      attention(HeadKind::mlp_tanh, Pooling::attention);
  for (auto& p : attention.store.parameters()) {
    const auto* const same = mean.store.find(p.name);
    EXPECT_EQ(same == nullptr, p.name == "attention_pooling.query") << p.name;
    to_device(p.value, same ? to_host(same->value) : std::vector<double>(p.size, 0));
  }
  const std::vector<double> x = random_numbers(n * width, 2);
  expect_close(attention.forward(x), mean.forward(x), rounding<double>(4 * joint + width), "mean");
}

TEST(ProjectionHead, CountsItsOperations) {
  for (const HeadKind kind : {HeadKind::mlp_tanh, HeadKind::linear}) {
    Case<F32> test(kind, Pooling::mean);
    test.forward(random_numbers(n * width, 2));
    EXPECT_EQ(test.bench.products.operations(), published_operations(test.head.shape, 3));
  }
}

}  // namespace
