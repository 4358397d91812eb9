// DihedralEmbedding: against the formula, and its parameter gradients.
#include "layers/dihedral_embedding.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/layers.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

constexpr int features = 6, width = 10;

template <class P>
struct Case {
  using Real = typename P::Real;

  ParameterStore<P> store;
  Bench bench;
  DihedralEmbedding<P> embedding;
  typename DihedralEmbedding<P>::Saved saved;
  Matrix<Real> x;

  explicit Case(std::size_t n) : x(bench.inputs.matrix<Real>(n, features)) {
    embedding = DihedralEmbedding<P>::add(store, "embed", features, width);
    store.freeze();
    randomize(store, 1);
    to_device(x, converted<Real>(random_numbers(n * features, 2)));
  }
  Numbers forward() {
    bench.saved.release({});
    const auto y = to_host(embedding.forward(bench.context, x, saved));
    return Numbers(y.begin(), y.end());
  }
  void backward(const Numbers& values) {
    const Guarded<Real> dy(values);
    embedding.backward(bench.context, saved, dy.matrix(x.extent(0), width));
    EXPECT_EQ(dy.host(), Guarded<Real>(values).host()) << "dy is kept";
  }
  Numbers values(const std::string& name) {
    const auto host = to_host(store.find("embed." + name)->value);
    return Numbers(host.begin(), host.end());
  }
};

/// gain (h - mean) / (sigma + eps) + bias, sigma = sqrt(unbiased variance + eps), h = W x + b.
template <class P>
Numbers reference(Case<P>& test) {
  constexpr double eps = 1e-6;
  const Numbers weight = test.values("node_embedding.weight"),
                offset = test.values("node_embedding.bias"), gain = test.values("norm_nodes.gain"),
                bias = test.values("norm_nodes.bias");
  const auto x = to_host(test.x);
  Numbers y;
  for (std::size_t i = 0; i < test.x.extent(0); ++i) {
    Numbers h = offset;
    double mean = 0, variance = 0;
    for (std::size_t c = 0; c < width; ++c) {
      for (std::size_t k = 0; k < features; ++k)
        h[c] += weight[c * features + k] * static_cast<double>(x[i * features + k]);
      mean += h[c] / width;
    }
    for (double value : h) variance += (value - mean) * (value - mean) / (width - 1);
    for (std::size_t c = 0; c < width; ++c)
      y.push_back(gain[c] * (h[c] - mean) / (std::sqrt(variance + eps) + eps) + bias[c]);
  }
  return y;
}

template <class P>
void check(std::size_t n) {
  Case<P> test(n);
  expect_close(test.forward(), reference(test), rounding<typename P::Real>(features + width),
               "dihedral embedding");
}

TEST(DihedralEmbedding, EqualsTheFormula) {
  for (const std::size_t n : {1, 33}) {
    check<F32>(n);
    check<F64>(n);
  }
}

TEST(DihedralEmbedding, GradientByDifferences) {
  Case<F64> test(7);
  expect_layer_gradients("dihedral embedding", test.store,
                         {[&](const auto&) { return test.forward(); },
                          [&](const auto& dy) {
                            test.backward(dy);
                            return Numbers();
                          }},
                         {}, 1.0 / 1024);
}

}  // namespace
