// Pooling and normalisation: against the formulas, backward by transpose and by differences.
#include "kernels/pooling.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "kernels/pooled_rows.hpp"
#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

const std::vector<int> lengths = {2, 3, 40, 5};  // 2: start and end token without a residue

std::vector<double> reference(Pooling pooling, const std::vector<double>& x, std::size_t columns) {
  std::vector<double> pooled;
  std::size_t begin = 0;
  for (const int length : lengths) {
    const auto n = static_cast<std::size_t>(length);
    std::size_t first = begin, last = begin + 1;
    if (pooling == Pooling::mean) first = begin + 1, last = n <= 2 ? begin + 2 : begin + n - 1;
    for (std::size_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (std::size_t i = first; i < last; ++i) sum += x[i * columns + c];
      pooled.push_back(sum / static_cast<double>(last - first));
    }
    begin += n;
  }
  return pooled;
}

template <class T>
void check(Pooling pooling, std::size_t columns) {
  Bench bench;
  const Offsets offsets = make_offsets(bench.inputs, lengths);
  const std::size_t n = static_cast<std::size_t>(offsets.rows()), proteins = lengths.size();
  const std::vector<double> w = random_numbers(proteins * columns, 2);
  const Guarded<T> x(random_numbers(n * columns, 1)), pooled(proteins * columns), dpooled(w),
      dx(n * columns);
  kernels::pool(pooling, x.matrix(n, columns), offsets, pooled.matrix(proteins, columns));
  kernels::pool_backward(pooling, dpooled.matrix(proteins, columns), offsets,
                         dx.matrix(n, columns));
  const double tolerance = rounding<T>(static_cast<double>(offsets.longest));
  expect_close(pooled.host(), reference(pooling, x.host(), columns), tolerance, "pooled");
  // Pooling is linear: <pool x, w> = <x, pool^T w>, for every x.
  const std::vector<double> other = random_numbers(n * columns, 3);
  EXPECT_NEAR(dot(reference(pooling, other, columns), w), dot(other, dx.host()),
              tolerance * std::sqrt(static_cast<double>(w.size())));
}

TEST(Pooling, EqualsTheFormulaAndItsTranspose) {
  for (const Pooling pooling : {Pooling::bos, Pooling::mean})
    for (std::size_t columns : {1, 7, 64}) {
      check<float>(pooling, columns);
      check<double>(pooling, columns);
    }
}

TEST(Pooling, GradientByDifferences) {
  constexpr std::size_t columns = 7;
  Bench bench;
  const Offsets offsets = make_offsets(bench.inputs, lengths);
  const std::size_t n = static_cast<std::size_t>(offsets.rows()), proteins = lengths.size();
  const std::vector<double> w = random_numbers(proteins * columns, 2);
  for (const Pooling pooling : {Pooling::bos, Pooling::mean}) {
    Guarded<double> x(n * columns);
    const Guarded<double> pooled(proteins * columns), dpooled(w), dx(n * columns);
    kernels::pool_backward(pooling, dpooled.matrix(proteins, columns), offsets,
                           dx.matrix(n, columns));
    const auto loss = [&](const std::vector<double>& v) {
      x.set(v);
      kernels::pool(pooling, x.matrix(n, columns), offsets, pooled.matrix(proteins, columns));
      return dot(pooled.host(), w);
    };
    expect_gradient("pooled", loss, random_numbers(n * columns, 1), dx.host(),
                    static_cast<double>(w.size()));
  }
}

TEST(Pooling, RowsOfResidues) {
  const auto many = kernels::residue_rows(5, 10), none = kernels::residue_rows(5, 7);
  EXPECT_EQ(std::pair(many.begin, many.end), std::pair(6, 9));
  EXPECT_EQ(std::pair(none.begin, none.end), std::pair(6, 7)) << "position 1";
}

/// Weights of the rows, then the pooled rows.
std::vector<double> attention_reference(const std::vector<double>& x,
                                        const std::vector<double>& q) {
  const std::size_t columns = q.size();
  std::vector<double> share(x.size() / columns, 0), pooled;
  std::size_t begin = 0;
  for (const int length : lengths) {
    const auto n = static_cast<std::size_t>(length);
    const std::size_t first = begin + 1, last = n <= 2 ? begin + 2 : begin + n - 1;
    double sum = 0;
    for (std::size_t i = first; i < last; ++i) {
      double score = 0;
      for (std::size_t c = 0; c < columns; ++c) score += q[c] * x[i * columns + c];
      sum += share[i] = std::exp(score / std::sqrt(static_cast<double>(columns)));
    }
    for (std::size_t i = first; i < last; ++i) share[i] /= sum;
    for (std::size_t c = 0; c < columns; ++c) {
      pooled.push_back(0);
      for (std::size_t i = first; i < last; ++i) pooled.back() += share[i] * x[i * columns + c];
    }
    begin += n;
  }
  share.insert(share.end(), pooled.begin(), pooled.end());
  return share;
}

template <class T>
void check_attention(std::size_t columns, double scale) {
  Bench bench;
  const Offsets offsets = make_offsets(bench.inputs, lengths);
  const std::size_t n = static_cast<std::size_t>(offsets.rows()), proteins = lengths.size();
  const Guarded<T> x(random_numbers(n * columns, 1)), query(random_numbers(columns, 2, scale)),
      share(n), pooled(proteins * columns);
  kernels::attention_pool(x.matrix(n, columns), offsets, query.vector(), share.vector(),
                          pooled.matrix(proteins, columns));
  std::vector<double> found = share.host();
  const std::vector<double> rows = pooled.host();
  found.insert(found.end(), rows.begin(), rows.end());
  // The exponent's rounding error grows with it.
  expect_close(found, attention_reference(x.host(), query.host()),
               (1 + scale) * rounding<T>(static_cast<double>(columns + 40)), "attention pooling");
}

TEST(Pooling, AttentionEqualsTheFormula) {
  for (const std::size_t columns : {1, 7, 64})
    for (const double scale : {0.0, 1.0, 100.0}) {
      check_attention<float>(columns, scale);
      check_attention<double>(columns, scale);
    }
}

TEST(Pooling, AttentionGradientByDifferences) {
  constexpr std::size_t columns = 7;
  Bench bench;
  const Offsets offsets = make_offsets(bench.inputs, lengths);
  const std::size_t n = static_cast<std::size_t>(offsets.rows()), proteins = lengths.size();
  const std::vector<double> w = random_numbers(proteins * columns, 2);
  // Both inputs as one: the rows, then the query.
  const std::vector<double> start = random_numbers((n + 1) * columns, 1, 2);
  const auto split = start.begin() + static_cast<std::ptrdiff_t>(n * columns);
  const Guarded<double> x(std::vector<double>(start.begin(), split)),
      query(std::vector<double>(split, start.end())), share(n), pooled(proteins * columns),
      dpooled(w), dx(n * columns), dquery(random_numbers(columns, 5));
  const std::vector<double> before = dquery.host();
  kernels::attention_pool(x.matrix(n, columns), offsets, query.vector(), share.vector(),
                          pooled.matrix(proteins, columns));
  kernels::attention_pool_backward(bench.scratch, x.matrix(n, columns), offsets, query.vector(),
                                   share.vector(), dpooled.matrix(proteins, columns),
                                   dx.matrix(n, columns), dquery.vector());
  EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
  std::vector<double> gradient = dx.host();
  const std::vector<double> accumulated = dquery.host();
  for (std::size_t c = 0; c < columns; ++c) gradient.push_back(accumulated[c] - before[c]);
  expect_gradient(
      "attention pooling",
      [&](const std::vector<double>& v) {
        const auto end = v.begin() + static_cast<std::ptrdiff_t>(n * columns);
        const std::vector<double> found = attention_reference({v.begin(), end}, {end, v.end()});
        return dot({found.begin() + static_cast<std::ptrdiff_t>(n), found.end()}, w);
      },
      start, gradient, static_cast<double>(w.size()));
}

std::vector<double> normalized(const std::vector<double>& x, std::size_t columns) {
  std::vector<double> y = x;
  for (std::size_t row = 0; row < x.size(); row += columns) {
    double square = 0;
    for (std::size_t c = 0; c < columns; ++c) square += x[row + c] * x[row + c];
    for (std::size_t c = 0; c < columns; ++c) y[row + c] /= std::sqrt(square);
  }
  return y;
}

template <class T>
void check_normalization(std::size_t n, std::size_t columns) {
  const std::vector<double> start = random_numbers(n * columns, 1),
                            w = random_numbers(n * columns, 2);
  const Guarded<T> x(start), y(n * columns), norm(n), dy(w), dx(n * columns);
  kernels::normalize_rows(x.matrix(n, columns), y.matrix(n, columns), norm.vector());
  expect_close(y.host(), normalized(start, columns), rounding<T>(static_cast<double>(columns)),
               "unit rows");
  kernels::normalize_rows_backward(dy.matrix(n, columns), y.matrix(n, columns), norm.vector(),
                                   dx.matrix(n, columns));
  if (std::is_same_v<T, double>)
    expect_gradient(
        "unit rows " + std::to_string(n) + " x " + std::to_string(columns),
        [&](const std::vector<double>& v) { return dot(normalized(v, columns), w); }, start,
        dx.host(), static_cast<double>(w.size()), 1.0 / 1024);
  kernels::normalize_rows_backward(dy.matrix(n, columns), y.matrix(n, columns), norm.vector(),
                                   dy.matrix(n, columns));
  EXPECT_EQ(dy.host(), dx.host()) << "in place";
}

TEST(Pooling, UnitRows) {
  for (const auto& [n, columns] : {std::pair{1, 8}, {6, 17}, {3, 512}}) {
    check_normalization<float>(n, columns);
    check_normalization<double>(n, columns);
  }
}

}  // namespace
