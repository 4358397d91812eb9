// Gvp and GvpNorm: against the perceptron on the host, gradients by inputs and parameters.
#include "layers/gvp.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"
#include "support/host_gvp.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

template <class P>
struct Case {
  using Real = typename P::Real;
  ParameterStore<P> store;
  Gvp<P> gvp;
  Bench bench;
  typename Gvp<P>::Saved saved;
  Features<Real> in, out;

  Case(const GvpShape& shape, std::size_t n) {
    gvp = Gvp<P>::add(store, "gvp", shape);
    store.freeze();
    randomize(store, 1);
    in = Features<Real>::take(bench.inputs, n, shape.scalars_in, shape.vectors_in);
    set(random_numbers(in.s.size(), 100), random_numbers(in.v.size(), 101));
  }
  void set(const Numbers& s, const Numbers& v) {
    to_device(in.s, converted<Real>(s));
    to_device(in.v, converted<Real>(v));
  }
  /// Scalars of all rows, then vectors.
  Numbers forward() {
    out = gvp.forward(bench.context, in, saved);
    Numbers all;
    for (Real x : to_host(out.s)) all.push_back(x);
    for (Real x : to_host(out.v)) all.push_back(x);
    return all;
  }
};

Numbers reference(Case<F64>& test) {
  const Numbers s = to_host(test.in.s), v = to_host(test.in.v);
  const std::size_t n = test.in.rows(), a = s.size() / n, b = v.size() / n;
  Numbers scalars, vectors;
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = [&](const Numbers& x, std::size_t width) {
      const auto begin = x.begin() + static_cast<std::ptrdiff_t>(i * width);
      return Numbers(begin, begin + static_cast<std::ptrdiff_t>(width));
    };
    const GvpRow y = host_gvp(test.store, "gvp", {row(s, a), row(v, b)});
    scalars.insert(scalars.end(), y.s.begin(), y.s.end());
    vectors.insert(vectors.end(), y.v.begin(), y.v.end());
  }
  scalars.insert(scalars.end(), vectors.begin(), vectors.end());
  return scalars;
}

const GvpShape shapes[] = {
    {7, 3, 33, 8, false}, {5, 4, 17, 9, true}, {1, 1, 1, 1, true}, {64, 16, 32, 8, true}};

TEST(Gvp, EqualsTheHostsPerceptron) {
  for (const GvpShape& shape : shapes)
    for (const std::size_t n : {1, 130}) {
      Case<F64> exact(shape, n);
      Case<F32> single(shape, n);
      const Numbers expected = reference(exact);
      const double terms = 4.0 * (shape.scalars_in + 2 * shape.hidden());
      expect_close(exact.forward(), expected, rounding<double>(terms), "f64");
      expect_close(single.forward(), expected, rounding<float>(terms), "f32");
    }
}

TEST(Gvp, GradientByDifferences) {
  for (const GvpShape& shape : shapes) {
    constexpr std::size_t n = 3;
    Case<F64> test(shape, n);
    const Numbers s = to_host(test.in.s), v = to_host(test.in.v), p = parameter_values(test.store);
    const Numbers w = random_numbers(test.forward().size(), 102);
    const auto scalars = static_cast<std::ptrdiff_t>(test.out.s.size());
    const auto dout =
        Features<double>::take(test.bench.inputs, n, shape.scalars_out, shape.vectors_out);
    to_device(dout.s, Numbers(w.begin(), w.begin() + scalars));
    to_device(dout.v, Numbers(w.begin() + scalars, w.end()));
    const auto din =
        Features<double>::take(test.bench.inputs, n, shape.scalars_in, shape.vectors_in);
    test.gvp.backward(test.bench.context, test.saved, dout, &din);
    const auto loss = [&](const Numbers& s2, const Numbers& v2, const Numbers& p2) {
      Case<F64> other(shape, n);
      other.set(s2, v2);
      set_parameter_values(other.store, p2);
      return dot(other.forward(), w);
    };
    const double size = double(w.size()), step = 1.0 / 4096;  // short: the relu has a kink
    expect_gradient(
        "s", [&](const Numbers& x) { return loss(x, v, p); }, s, to_host(din.s), size, step);
    expect_gradient(
        "v", [&](const Numbers& x) { return loss(s, x, p); }, v, to_host(din.v), size, step);
    expect_gradient(
        "parameters", [&](const Numbers& x) { return loss(s, v, x); }, p,
        parameter_gradients(test.store), size, step);
  }
}

TEST(Gvp, FrozenOnesHaveNoGradient) {
  Case<F64> test(shapes[1], 2);
  test.gvp.freeze();
  test.forward();
  const auto din = Features<double>::take(test.bench.inputs, 2, 5, 4);
  test.gvp.backward(test.bench.context, test.saved, test.out, &din);
  EXPECT_EQ(max_abs(parameter_gradients(test.store)), 0);
  EXPECT_GT(max_abs(to_host(din.s)), 0);
}

TEST(GvpNorm, GradientByDifferences) {
  constexpr std::size_t n = 3;
  constexpr int scalars = 9, vectors = 5;
  ParameterStore<F64> store;
  const auto norm = GvpNorm<F64>::add(store, "norm", scalars);
  store.freeze();
  randomize(store, 2);
  const Numbers s = random_numbers(n * scalars, 3), v = random_numbers(n * 3 * vectors, 4),
                p = parameter_values(store), ws = random_numbers(s.size(), 5),
                wv = random_numbers(v.size(), 6);
  Bench bench;
  GvpNorm<F64>::Saved saved;
  const auto in = Features<double>::take(bench.inputs, n, scalars, vectors);
  const auto loss = [&](const Numbers& s2, const Numbers& v2, const Numbers& p2) {
    to_device(in.s, s2);
    to_device(in.v, v2);
    set_parameter_values(store, p2);
    const auto out = norm.forward(bench.context, in, saved);
    return dot(to_host(out.s), ws) + dot(to_host(out.v), wv);
  };
  loss(s, v, p);
  const auto d = Features<double>::take(bench.inputs, n, scalars, vectors);
  to_device(d.s, ws);
  to_device(d.v, wv);
  norm.backward(bench.context, saved, d);
  const Numbers ds = to_host(d.s), dv = to_host(d.v), dp = parameter_gradients(store);
  const double size = double(s.size() + v.size());
  expect_gradient(
      "s", [&](const Numbers& x) { return loss(x, v, p); }, s, ds, size);
  expect_gradient(
      "v", [&](const Numbers& x) { return loss(s, x, p); }, v, dv, size, 1.0 / 256);
  expect_gradient(
      "parameters", [&](const Numbers& x) { return loss(s, v, x); }, p, dp, size);
}

}  // namespace
