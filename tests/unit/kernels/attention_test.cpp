// Attention: against a serial softmax, gradients by differences, with and without dropout.
#include "kernels/attention.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "backend/bf16.hpp"
#include "kernels/attention_dropout.hpp"
#include "kernels/attention_rows.hpp"
#include "kernels/attention_tiles.hpp"
#include "kernels/dropout.hpp"
#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

struct Shape {
  std::vector<int> rows;
  int heads, head_width;
  double rate = 0;
  bool by_rows = false;  // as on a GPU, whatever this device is
  bool causal = false;
  OperandPrecision operands = OperandPrecision::working;

  int n() const {
    int sum = 0;
    for (int r : rows) sum += r;
    return sum;
  }
  int width() const { return heads * head_width; }
  kernels::AttentionDropout dropout() const { return {rate, {{5, 6}}, 7}; }
};

struct Result {
  std::vector<double> out, lse;
};

/// out and lse of qkv [N, 3C], protein by protein, head by head, row by row.
Result reference(const Shape& s, const std::vector<double>& qkv) {
  const int c = s.width(), n = s.n();
  Result result{std::vector<double>(static_cast<std::size_t>(n * c), 0),
                std::vector<double>(static_cast<std::size_t>(s.heads * n), 0)};
  const auto at = [&](int i, int column) {
    return qkv[static_cast<std::size_t>(3 * c * i + column)];
  };
  int begin = 0;
  for (std::size_t b = 0; b < s.rows.size(); begin += s.rows[b++])
    for (int h = 0; h < s.heads; ++h)
      for (int i = begin; i < begin + s.rows[b]; ++i) {
        std::vector<double> p;
        double sum = 0;
        const int end = s.causal ? i + 1 : begin + s.rows[b];
        for (int j = begin; j < end; ++j) {
          double score = 0;
          for (int d = h * s.head_width; d < (h + 1) * s.head_width; ++d)
            score += at(i, d) * at(j, c + d);
          p.push_back(std::exp(score));
          sum += p.back();
        }
        result.lse[static_cast<std::size_t>(h * n + i)] = std::log(sum);
        for (int j = begin; j < end; ++j) {
          const double factor =
              s.rate == 0
                  ? 1
                  : kernels::dropout_factor(
                        s.dropout().key, kernels::site_of_head(s.dropout().site, h),
                        static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(i - begin),
                        static_cast<std::uint32_t>(j - begin), kernels::dropout_threshold(s.rate),
                        1 / (1 - s.rate));
          for (int d = h * s.head_width; d < (h + 1) * s.head_width; ++d)
            result.out[static_cast<std::size_t>(i * c + d)] +=
                factor * p[static_cast<std::size_t>(j - begin)] / sum * at(j, 2 * c + d);
        }
      }
  return result;
}

/// Queries and keys whose scores have a spread of about 2 for any head width.
std::vector<double> random_qkv(const Shape& s) {
  return random_numbers(static_cast<std::size_t>(3 * s.n() * s.width()), 1,
                        2.5 / std::pow(s.head_width, 0.25));
}

template <class T>
struct Case {
  Shape shape;
  Bench bench;
  Offsets offsets;
  Guarded<T> qkv, out, lse;
  std::size_t n, c;

  explicit Case(const Shape& s)
      : shape(s),
        offsets(make_offsets(bench.inputs, s.rows)),
        qkv(random_qkv(s)),
        out(static_cast<std::size_t>(s.n() * s.width())),
        lse(static_cast<std::size_t>(s.n() * s.heads)),
        n(static_cast<std::size_t>(s.n())),
        c(static_cast<std::size_t>(s.width())) {
    forward();
  }
  void forward() {
    const auto result = out.matrix(n, c), sums = lse.matrix(std::size_t(shape.heads), n);
    if (shape.by_rows)
      return kernels::attention_by_rows(bench.scratch, qkv.matrix(n, 3 * c), offsets, shape.heads,
                                        shape.dropout(), result, sums, shape.causal);
    const auto& run = device_is_host ? kernels::attention_by_tiles<T> : kernels::attention<T>;
    run(bench.scratch, qkv.matrix(n, 3 * c), offsets, shape.heads, shape.dropout(), shape.operands,
        result, sums, shape.causal);
  }
  void backward(const Guarded<T>& dout, const Guarded<T>& dqkv) {
    const auto result = out.matrix(n, c), sums = lse.matrix(std::size_t(shape.heads), n);
    if (shape.by_rows)
      return kernels::attention_by_rows_backward(
          bench.scratch, qkv.matrix(n, 3 * c), offsets, shape.heads, shape.dropout(), result, sums,
          dout.matrix(n, c), dqkv.matrix(n, 3 * c), shape.causal);
    const auto& run =
        device_is_host ? kernels::attention_by_tiles_backward<T> : kernels::attention_backward<T>;
    run(bench.scratch, qkv.matrix(n, 3 * c), offsets, shape.heads, shape.dropout(), shape.operands,
        result, sums, dout.matrix(n, c), dqkv.matrix(n, 3 * c), shape.causal);
  }
};

std::string title(const Shape& s) {
  return std::to_string(s.rows.size()) + " proteins, first of " + std::to_string(s.rows[0]) +
         " rows, " + std::to_string(s.heads) + " heads of " + std::to_string(s.head_width) +
         (s.rate > 0 ? ", dropout" : "") + (s.by_rows ? ", by rows" : "") +
         (s.causal ? ", causal" : "");
}

/// A score is a sum of D products of size 1, its error goes into p and out relatively.
template <class T>
void check(const Shape& s) {
  const Case<T> test(s);
  const Result expected = reference(s, test.qkv.host());
  const double terms = s.head_width + *std::max_element(s.rows.begin(), s.rows.end());
  expect_close(test.out.host(), expected.out, rounding<T>(terms), title(s) + ": out");
  expect_close(test.lse.host(), expected.lse, rounding<T>(terms), title(s) + ": lse");
  EXPECT_EQ(test.bench.scratch.stack().in_use(), 0u);
}

const Shape shapes[] = {{{1}, 1, 8},           {{2, 1, 3}, 3, 10}, {{31, 32, 33}, 2, 16},
                        {{300, 1, 64}, 2, 20}, {{40, 65}, 1, 64},  {{5, 70}, 1, 128}};

TEST(Attention, EqualsTheSerialSoftmax) {
  for (Shape shape : shapes)
    for (const double rate : {0.0, 0.25})
      for (const bool by_rows : {false, true})
        for (const bool causal : {false, true}) {
          shape.rate = rate;
          shape.by_rows = by_rows;
          shape.causal = causal;
          check<float>(shape);
          check<double>(shape);
        }
}

void check_gradient(const Shape& s) {
  Case<double> test(s);
  const std::vector<double> w = random_numbers(test.n * test.c, 2);
  const Guarded<double> dout(w), dqkv(3 * test.n * test.c);
  test.backward(dout, dqkv);
  expect_gradient(
      title(s), [&](const std::vector<double>& x) { return dot(reference(s, x).out, w); },
      test.qkv.host(), dqkv.host(), static_cast<double>(w.size()));
}

TEST(Attention, GradientByDifferences) {
  for (Shape s : {Shape{{1}, 2, 8}, Shape{{3, 7, 1}, 3, 10}, Shape{{40}, 1, 16}})
    for (const double rate : {0.0, 0.25})
      for (const bool by_rows : {false, true})
        for (const bool causal : {false, true}) {
          s.rate = rate;
          s.by_rows = by_rows;
          s.causal = causal;
          check_gradient(s);
        }
}

/// Both ways to the same sums, whichever is this device's, for lengths around the sizes of tiles
/// and heads of any width.
void check_agreement(int width, bool causal) {
  const Shape tiles{{1, 7, 130, 257, 128}, 2, width, 0.25, false, causal};
  Shape rows = tiles;
  rows.by_rows = true;
  Case<double> one(tiles), other(rows);
  const Guarded<double> dout(random_numbers(one.n * one.c, 2)), done(3 * one.n * one.c),
      dother(3 * one.n * one.c);
  one.backward(dout, done);
  other.backward(dout, dother);
  const double tolerance = rounding<double>(257 + width);
  expect_close(one.out.host(), other.out.host(), tolerance, title(tiles) + ": out");
  expect_close(done.host(), dother.host(), tolerance, title(tiles) + ": dqkv");
}

TEST(Attention, TilesAndRowsAgree) {
  for (const int width : {8, 16, 24, 64, 128})
    for (const bool causal : {false, true}) check_agreement(width, causal);
}

/// What stands behind a row changes neither it nor its gradients where attention is causal.
TEST(Attention, CausalRowsDoNotSeeWhatFollows) {
  Case<float> test({{150}, 1, 8, 0, false, true});
  const std::vector<double> before = test.out.host();
  std::vector<double> x = test.qkv.host();
  const std::size_t first_changed = 100, columns = 24;
  for (std::size_t i = first_changed * columns; i < x.size(); ++i) x[i] = -x[i];
  test.qkv.set(x);
  test.forward();
  const std::vector<double> after = test.out.host();
  const auto border = static_cast<std::ptrdiff_t>(first_changed * 8);
  EXPECT_TRUE(std::equal(before.begin(), before.begin() + border, after.begin()));
  EXPECT_FALSE(std::equal(before.begin() + border, before.end(), after.begin() + border));
}

/// Scores far beyond the range of the exponential: only their differences matter.
TEST(Attention, LargeScoresDoNotOverflow) {
  Case<float> test({{40}, 1, 8});
  std::vector<double> x = test.qkv.host();
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= i % 24 < 16 ? 60 : 1;
  test.qkv.set(x);
  test.forward();
  EXPECT_LE(max_abs(test.out.host()), 2.0);
  EXPECT_GT(max_abs(test.lse.host()), 1000);
}

/// What layers call is one of the two.
TEST(Attention, IsByTilesOnACpu) {
  Case<float> test({{20, 3}, 2, 8, 0.25});
  const std::vector<double> by_name = test.out.host();
  kernels::attention(test.bench.scratch, test.qkv.matrix(test.n, 3 * test.c), test.offsets, 2,
                     test.shape.dropout(), test.shape.operands, test.out.matrix(test.n, test.c),
                     test.lse.matrix(2, test.n));
  EXPECT_EQ(test.out.host(), by_name);
  const Guarded<float> dout(random_numbers(test.n * test.c, 2)), one(3 * test.n * test.c),
      other(3 * test.n * test.c);
  test.backward(dout, one);
  kernels::attention_backward(test.bench.scratch, test.qkv.matrix(test.n, 3 * test.c), test.offsets,
                              2, test.shape.dropout(), test.shape.operands,
                              test.out.matrix(test.n, test.c), test.lse.matrix(2, test.n),
                              dout.matrix(test.n, test.c), other.matrix(test.n, 3 * test.c));
  EXPECT_EQ(other.host(), one.host());
}

/// A protein's rows have the same bits whatever is packed with it, up to its place in the blocks.
TEST(Attention, DoesNotDependOnThePacking) {
  Case<double> packed({{9, 50, 20}, 2, 12, 0});
  Case<double> alone({{50}, 2, 12, 0});
  const std::vector<double> x = packed.qkv.host();
  alone.qkv.set(std::vector<double>(x.begin() + 9 * 72, x.begin() + 59 * 72));
  alone.forward();
  const std::vector<double> out = packed.out.host();
  EXPECT_EQ(alone.out.host(), std::vector<double>(out.begin() + 9 * 24, out.begin() + 59 * 24));
}

/// sqrt(sum (a - b)^2 / sum b^2).
double relative_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    size += b[i] * b[i];
  }
  return std::sqrt(difference / size);
}

/// Of numbers that bf16 holds, forward rounds the probabilities alone, and backward these and the
/// gradients of scores: each by 2^-9 at most, what a sum of many sees of both is less than twice
/// that.
TEST(Attention, WithRoundedOperandsDiffersByTheRounding) {
  if constexpr (!device_is_host) GTEST_SKIP() << "attention on a GPU rounds nothing";
  for (const int head_width : {2, 16, 24, 40, 128})
    for (const int rows : {1, 16, 65, 200}) {
      Shape shape{{rows, 7}, 2, head_width, 0.1};
      Case<float> exact(shape);
      shape.operands = OperandPrecision::bf16;
      Case<float> rounded(shape);
      std::vector<double> x = exact.qkv.host();
      std::vector<double> d = random_numbers(exact.n * exact.c, 2);
      for (auto* numbers : {&x, &d})
        for (double& number : *numbers) number = to_f32(to_bf16(static_cast<float>(number)));
      const Guarded<float> dout(d), exact_gradient(x.size()), rounded_gradient(x.size());
      for (Case<float>* test : {&exact, &rounded}) {
        test->qkv.set(x);
        test->forward();
      }
      constexpr double rounding = 1.0 / 256;
      EXPECT_LT(relative_difference(rounded.out.host(), exact.out.host()), rounding)
          << title(shape);
      rounded.out.set(exact.out.host());
      exact.backward(dout, exact_gradient);
      rounded.backward(dout, rounded_gradient);
      EXPECT_LT(relative_difference(rounded_gradient.host(), exact_gradient.host()), rounding)
          << title(shape);
    }
}

/// Proteins of equal length, 2048 rows in all, 256 channels. Arguments: rows of a protein, head
/// width, dropout rate in percent.
struct TimedCase {
  static constexpr int rows = 2048, channels = 256;
  Case<float> test;
  double products;  // operations of one matrix product over pairs

  explicit TimedCase(const benchmark::State& state)
      : test({std::vector<int>(static_cast<std::size_t>(rows / state.range(0)),
                               static_cast<int>(state.range(0))),
              static_cast<int>(channels / state.range(1)), static_cast<int>(state.range(1)),
              0.01 * static_cast<double>(state.range(2))}),
        products(2.0 * rows * static_cast<double>(state.range(0)) * channels) {}
};

void every_size(benchmark::internal::Benchmark* timing) {
  for (const int rows : {16, 128, 1024})
    for (const int width : {16, 64, 128}) timing->Args({rows, width, 0});
  timing->Args({128, 16, 10});
}

void time_attention(benchmark::State& state) {
  TimedCase timed(state);
  measure(state, {.operations = 2 * timed.products}, [&] { timed.test.forward(); });
}
JESPR_BENCHMARK("attention f32, rows, head width, dropout %", time_attention)->Apply(every_size);

void time_attention_backward(benchmark::State& state) {
  TimedCase timed(state);
  timed.test.forward();
  const auto n = static_cast<std::size_t>(timed.test.n), c = static_cast<std::size_t>(timed.test.c);
  const Guarded<float> dout(random_numbers(n * c, 2)), dqkv(3 * n * c);
  measure(state, {.operations = 5 * timed.products}, [&] { timed.test.backward(dout, dqkv); });
}
JESPR_BENCHMARK("attention backward f32, rows, head width, dropout %", time_attention_backward)
    ->Apply(every_size);

}  // namespace
