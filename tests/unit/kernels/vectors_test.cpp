// Vector channels: norms, gates, the norm between layers, local frames, whole-vector dropout.
#include "kernels/vectors.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

/// A guarded array as vectors [n, 3, channels].
template <class T>
Tensor3<T> tensor(const Guarded<T>& array, std::size_t n, std::size_t channels) {
  return Tensor3<T>(array.vector().data(), n, 3, channels);
}

/// norms [n, u] of the first u of `channels` channels.
Numbers norms_of(const Numbers& v, std::size_t n, std::size_t channels, std::size_t u) {
  Numbers norms;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t c = 0; c < u; ++c) {
      double sum = 1e-8;
      for (std::size_t d = 0; d < 3; ++d) sum += std::pow(v[(3 * i + d) * channels + c], 2);
      norms.push_back(std::sqrt(sum));
    }
  return norms;
}

template <class T>
void check_norms(std::size_t n, std::size_t channels, std::size_t u) {
  const Guarded<T> v(random_numbers(n * 3 * channels, 1)), out(Numbers(n * (u + 2), 7));
  const Panel<T> columns = columns_of(out.matrix(n, u + 2), 1, static_cast<int>(u));
  kernels::vector_norms(tensor(v, n, channels), columns);
  const Numbers expected = norms_of(v.host(), n, channels, u), found = out.host();
  for (std::size_t i = 0; i < n; ++i) {
    EXPECT_EQ(found[i * (u + 2)], 7) << "outside of the panel";
    for (std::size_t c = 0; c < u; ++c)
      EXPECT_NEAR(found[i * (u + 2) + 1 + c], expected[i * u + c], rounding<T>(4));
  }
}

TEST(VectorNorms, EqualTheFormula) {
  check_norms<float>(1, 1, 1);
  check_norms<float>(5, 33, 17);
  check_norms<double>(130, 8, 8);
}

TEST(VectorNorms, GradientByDifferences) {
  constexpr std::size_t n = 3, channels = 7, u = 5;
  const Numbers x = random_numbers(n * 3 * channels, 2), w = random_numbers(n * u, 3);
  const Guarded<double> v(x), norms(n * u), dnorms(w), dv(Numbers(x.size(), 0.0));
  kernels::vector_norms(tensor(v, n, channels), panel(norms.matrix(n, u)));
  kernels::vector_norms_backward(tensor(v, n, channels), panel(norms.matrix(n, u)),
                                 panel(dnorms.matrix(n, u)), tensor(dv, n, channels), false);
  expect_gradient(
      "v", [&](const Numbers& v2) { return dot(norms_of(v2, n, channels, u), w); }, x, dv.host(),
      n * u, 1.0 / 256);
  const Numbers once = dv.host();
  kernels::vector_norms_backward(tensor(v, n, channels), panel(norms.matrix(n, u)),
                                 panel(dnorms.matrix(n, u)), tensor(dv, n, channels), true);
  Numbers twice = once;
  for (double& value : twice) value *= 2;
  expect_close(dv.host(), twice, rounding<double>(2), "accumulated");
}

/// [v'; nothing else], v' = sigmoid(logit + bias) u of channels [first, first + m).
Numbers gated(const Numbers& logit, const Numbers& bias, const Numbers& u, std::size_t channels,
              std::size_t first) {
  const std::size_t m = bias.size(), n = logit.size() / m;
  Numbers v;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t d = 0; d < 3; ++d)
      for (std::size_t c = 0; c < m; ++c)
        v.push_back(u[(3 * i + d) * channels + first + c] /
                    (1 + std::exp(-logit[i * m + c] - bias[c])));
  return v;
}

template <class T>
void check_gate(std::size_t n, std::size_t m, std::size_t first) {
  const std::size_t channels = first + m;
  const Numbers logit = random_numbers(n * m, 4, 3), bias = random_numbers(m, 5);
  const Guarded<T> gate(logit), b(bias), u(random_numbers(n * 3 * channels, 6)), v(n * 3 * m);
  kernels::gate_vectors(gate.matrix(n, m), b.vector(), tensor(u, n, channels),
                        static_cast<int>(first), tensor(v, n, m));
  expect_close(v.host(), gated(logit, b.host(), u.host(), channels, first), rounding<T>(16),
               "gate");
  const Guarded<T> again(n * 3 * m);  // with gates that are known
  kernels::scale_vectors(gate.matrix(n, m), tensor(u, n, channels), static_cast<int>(first),
                         tensor(again, n, m));
  EXPECT_EQ(again.host(), v.host());
}

TEST(Gate, EqualsTheFormula) {
  check_gate<float>(1, 1, 0);
  check_gate<float>(9, 64, 65);
  check_gate<double>(5, 13, 3);
}

TEST(Gate, GradientByDifferences) {
  constexpr std::size_t n = 3, m = 6, first = 2, channels = first + m;
  const Numbers logit = random_numbers(n * m, 7, 2), bias = random_numbers(m, 8),
                x = random_numbers(n * 3 * channels, 9), w = random_numbers(n * 3 * m, 10);
  const Guarded<double> gate(logit), b(bias), u(x), v(n * 3 * m), dv(w), dlogit(n * m),
      du(Numbers(x.size(), 0.0));
  kernels::gate_vectors(gate.matrix(n, m), b.vector(), tensor(u, n, channels), first,
                        tensor(v, n, m));
  kernels::gate_vectors_backward(gate.matrix(n, m), tensor(u, n, channels), first, tensor(dv, n, m),
                                 dlogit.matrix(n, m), tensor(du, n, channels));
  const double size = n * 3 * m;
  expect_gradient(
      "logit", [&](const Numbers& l) { return dot(gated(l, bias, x, channels, first), w); }, logit,
      dlogit.host(), size);
  expect_gradient(
      "u", [&](const Numbers& u2) { return dot(gated(logit, bias, u2, channels, first), w); }, x,
      du.host(), size);
}

Numbers normalized(const Numbers& v, std::size_t channels) {
  Numbers y = v;
  for (std::size_t row = 0; row < v.size(); row += 3 * channels) {
    double sum = 0, kept = 0;
    const auto q = [&](std::size_t c) {
      double squares = 1e-4;
      for (std::size_t d = 0; d < 3; ++d) squares += std::pow(v[row + d * channels + c], 2);
      return squares;
    };
    for (std::size_t c = 0; c < channels; ++c)
      if (q(c) > 2e-4) sum += q(c), ++kept;
    for (std::size_t c = 0; c < channels; ++c)
      for (std::size_t d = 0; d < 3; ++d)
        y[row + d * channels + c] *= (q(c) > 2e-4) / std::sqrt(sum / (1e-4 + kept) + 1e-4);
  }
  return y;
}

/// Vectors of which some are too short to be kept: of row 0 every third, of row 1 all.
Numbers with_short_ones(std::size_t n, std::size_t channels) {
  Numbers v = random_numbers(n * 3 * channels, 11);
  for (std::size_t d = 0; d < 3; ++d)
    for (std::size_t c = 0; c < channels; ++c) {
      if (c % 3 == 1) v[d * channels + c] *= 1e-3;
      if (n > 1) v[(3 + d) * channels + c] *= 1e-3;
    }
  return v;
}

template <class T>
void check_norm(std::size_t n, std::size_t channels) {
  const Guarded<T> v(with_short_ones(n, channels)), y(n * 3 * channels);
  kernels::vector_layer_norm(tensor(v, n, channels), tensor(y, n, channels));
  expect_close(y.host(), normalized(v.host(), channels), rounding<T>(double(channels)), "norm");
}

TEST(VectorLayerNorm, EqualsTheFormula) {
  for (const auto& [n, channels] : {std::pair{1, 1}, {1, 8}, {4, 33}, {3, 256}}) {
    check_norm<float>(std::size_t(n), std::size_t(channels));
    check_norm<double>(std::size_t(n), std::size_t(channels));
  }
}

TEST(VectorLayerNorm, GradientByDifferences) {
  constexpr std::size_t n = 4, channels = 9;
  const Numbers x = with_short_ones(n, channels), w = random_numbers(x.size(), 12);
  const Guarded<double> v(x), y(x.size()), d(w);
  kernels::vector_layer_norm(tensor(v, n, channels), tensor(y, n, channels));
  kernels::vector_layer_norm_backward(tensor(d, n, channels), tensor(v, n, channels),
                                      tensor(d, n, channels));
  expect_gradient(
      "v", [&](const Numbers& v2) { return dot(normalized(v2, channels), w); }, x, d.host(),
      double(x.size()), 1.0 / 1024);  // steps too small to carry a vector over the threshold
}

TEST(VectorLayerNorm, GradientsOfTheMapsOfASingleChannel) {
  constexpr std::size_t n = 20, scalars = 3;
  const Numbers v = with_short_ones(n, 1), w = random_numbers(3 * n, 13),
                norm_weights = random_numbers(scalars, 15),
                ds = random_numbers(n * scalars, 14, 1e-3);  // as small as what the norm leaves
  const auto loss = [&](const Numbers& maps) {
    Numbers u = v;
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      double length2 = kernels::vector_norm_eps;
      for (std::size_t d = 0; d < 3; ++d) length2 += std::pow(maps[0] * v[3 * i + d], 2);
      for (std::size_t c = 0; c < scalars; ++c)
        sum += ds[i * scalars + c] * norm_weights[c] * std::sqrt(length2);
    }
    for (double& x : u) x *= maps[0] * maps[1];
    return sum + dot(normalized(u, 1), w);
  };
  const Numbers maps = {0.7, -1.3};
  const Guarded<double> v_(v), w_(w), ds_(ds), weights(norm_weights), wh(Numbers{maps[0]}),
      wv(Numbers{maps[1]}), dwh(Numbers{0}), dwv(Numbers{0});
  Bench bench;
  kernels::single_channel_gradients(bench.scratch, tensor(v_, n, 1), wh.vector(), wv.vector(),
                                    tensor(w_, n, 1), ds_.matrix(n, scalars),
                                    panel(weights.matrix(scalars, 1)), dwh.vector(), dwv.vector());
  expect_gradient("maps", loss, maps, {dwh.host()[0], dwv.host()[0]}, double(n), 1.0 / 1024);
}

Numbers localized(const Numbers& s, const Numbers& v, const Numbers& frames, std::size_t n) {
  const std::size_t scalars = s.size() / n, channels = v.size() / n / 3;
  Numbers out;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t c = 0; c < scalars; ++c) out.push_back(s[i * scalars + c]);
    for (std::size_t u = 0; u < channels; ++u)
      for (std::size_t k = 0; k < 3; ++k) {
        double sum = 0;
        for (std::size_t d = 0; d < 3; ++d)
          sum += frames[9 * i + 3 * k + d] * v[(3 * i + d) * channels + u];
        out.push_back(sum);
      }
  }
  return out;
}

TEST(LocalFrames, FormulaAndGradient) {
  constexpr std::size_t n = 3, scalars = 5, channels = 4, width = scalars + 3 * channels;
  const Numbers s = random_numbers(n * scalars, 13), v = random_numbers(n * 3 * channels, 14),
                f = random_numbers(n * 9, 15), w = random_numbers(n * width, 16);
  const Guarded<double> s_(s), v_(v), f_(f), out(n * width), dout(w), ds(s.size()), dv(v.size());
  kernels::to_local_frames(s_.matrix(n, scalars), tensor(v_, n, channels), tensor(f_, n, 3),
                           out.matrix(n, width));
  expect_close(out.host(), localized(s, v, f, n), rounding<double>(3), "local frames");
  kernels::to_local_frames_backward(dout.matrix(n, width), tensor(f_, n, 3), ds.matrix(n, scalars),
                                    tensor(dv, n, channels));
  expect_gradient(
      "s", [&](const Numbers& x) { return dot(localized(x, v, f, n), w); }, s, ds.host(), width);
  expect_gradient(
      "v", [&](const Numbers& x) { return dot(localized(s, x, f, n), w); }, v, dv.host(), width);
}

/// The same call on the gradient is the backward pass.
TEST(DropVectors, GradientByDifferences) {
  constexpr std::size_t n = 5, channels = 6;
  const Numbers v = random_numbers(n * 3 * channels, 17), w = random_numbers(v.size(), 18);
  const auto apply = [](const Numbers& x) {
    Bench bench;
    const Guarded<double> kept(x);
    kernels::drop_vectors(tensor(kept, n, channels), make_offsets(bench.inputs, {2, 3}),
                          PhiloxKey{{1, 2}}, 99, 0.4);
    return kept.host();
  };
  EXPECT_NE(apply(v), v);
  expect_gradient(
      "drop vectors", [&](const Numbers& x) { return dot(apply(x), w); }, v, apply(w),
      static_cast<double>(w.size()));
}

TEST(DropVectors, WholeVectorsByProteinAndRow) {
  constexpr std::size_t channels = 50;
  constexpr double rate = 0.25;
  Bench bench;
  const PhiloxKey key{{1, 2}};
  const auto dropped = [&](const std::vector<int>& rows, const std::vector<int>& identity) {
    const Offsets offsets = make_offsets(bench.inputs, rows, identity);
    const auto n = static_cast<std::size_t>(offsets.rows());
    const Guarded<double> v(Numbers(n * 3 * channels, 1.0));
    kernels::drop_vectors(tensor(v, n, channels), offsets, key, 99, rate);
    return v.host();
  };
  const Numbers alone = dropped({40}, {7}), packed = dropped({3, 40}, {5, 7});
  EXPECT_EQ(alone, Numbers(packed.begin() + 9 * channels, packed.end()));
  double kept = 0;
  for (std::size_t i = 0; i < 40; ++i)
    for (std::size_t c = 0; c < channels; ++c) {
      const double x = alone[3 * i * channels + c];
      EXPECT_TRUE(x == 0 || x == 1 / (1 - rate));
      EXPECT_EQ(x, alone[(3 * i + 1) * channels + c]);
      EXPECT_EQ(x, alone[(3 * i + 2) * channels + c]);
      kept += x != 0;
    }
  constexpr double draws = 40 * channels;
  EXPECT_NEAR(kept / draws, 1 - rate, 4 * std::sqrt(rate * (1 - rate) / draws));
}

/// Arrays of 4096 rows of 64 vector channels.
struct Timed {
  static constexpr std::size_t n = 4096, channels = 64;
  static constexpr double bytes = 4.0 * 3 * n * channels;  // of one array of vectors
  Guarded<float> v{random_numbers(n * 3 * channels, 1)}, y{n * 3 * channels},
      gate{random_numbers(n * channels, 2)}, bias{random_numbers(channels, 3)}, norms{n * channels};
};

void time_vector_norms(benchmark::State& state) {
  const Timed t;
  measure(state, {.bytes = 4.0 / 3 * Timed::bytes}, [&] {
    kernels::vector_norms(tensor(t.v, t.n, t.channels), panel(t.norms.matrix(t.n, t.channels)));
  });
}
JESPR_BENCHMARK("vector norms f32 [4096, 3, 64]", time_vector_norms);

void time_gates(benchmark::State& state) {
  const Timed t;
  measure(state, {.bytes = 8.0 / 3 * Timed::bytes}, [&] {
    kernels::gate_vectors(t.gate.matrix(t.n, t.channels), t.bias.vector(),
                          tensor(t.v, t.n, t.channels), 0, tensor(t.y, t.n, t.channels));
  });
}
JESPR_BENCHMARK("gate vectors f32 [4096, 3, 64]", time_gates);

void time_vector_layer_norm(benchmark::State& state) {
  const Timed t;
  measure(state, {.bytes = 2 * Timed::bytes}, [&] {
    kernels::vector_layer_norm(tensor(t.v, t.n, t.channels), tensor(t.y, t.n, t.channels));
  });
}
JESPR_BENCHMARK("vector layer norm f32 [4096, 3, 64]", time_vector_layer_norm);

}  // namespace
