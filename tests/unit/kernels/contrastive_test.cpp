// Tiles of the contrastive loss: log-sum-exp and the best other column over tiles that cut rows and
// columns anywhere, and the gradient of a tile, against the whole matrix.
#include "kernels/contrastive.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

constexpr std::size_t batch = 9;
const std::vector<std::size_t> cuts = {0, 1, 4, 9};  // of rows and of columns

/// Rows [row0, row1) and columns [column0, column1) of a matrix [batch, batch].
Numbers block(const Numbers& s, std::size_t row0, std::size_t row1, std::size_t column0,
              std::size_t column1) {
  Numbers part;
  for (std::size_t i = row0; i < row1; ++i)
    for (std::size_t j = column0; j < column1; ++j) part.push_back(s[i * batch + j]);
  return part;
}

/// Calls visit(row0, row1, column0, column1) for every tile.
template <class Visit>
void for_each_block(const Visit& visit) {
  for (std::size_t a = 0; a + 1 < cuts.size(); ++a)
    for (std::size_t b = 0; b + 1 < cuts.size(); ++b)
      visit(cuts[a], cuts[a + 1], cuts[b], cuts[b + 1]);
}

/// log sum_j exp(s_ij) of row i, or with `transposed` of column i.
double log_sum_exp(const Numbers& s, std::size_t i, bool transposed = false) {
  double sum = 0;
  for (std::size_t j = 0; j < batch; ++j)
    sum += std::exp(transposed ? s[j * batch + i] : s[i * batch + j]);
  return std::log(sum);
}

template <class T>
Vector<T> part(Vector<T> v, std::size_t begin, std::size_t end) {
  return Vector<T>(v.data() + begin, end - begin);
}

template <class T>
void check_statistics() {
  Bench bench;
  const Numbers s = random_numbers(batch * batch, 1, 20);
  const auto rows = kernels::RowStatistics<T>::take(bench.saved, static_cast<int>(batch));
  kernels::reset(rows);
  for_each_block([&](std::size_t row0, std::size_t row1, std::size_t column0, std::size_t column1) {
    const Guarded<T> tile(block(s, row0, row1, column0, column1));
    const kernels::RowStatistics<T> own{part(rows.largest, row0, row1), part(rows.sum, row0, row1),
                                        part(rows.diagonal, row0, row1),
                                        part(rows.best_other, row0, row1)};
    kernels::accumulate_tile(tile.matrix(row1 - row0, column1 - column0), static_cast<int>(row0),
                             static_cast<int>(column0), own);
  });
  const Guarded<T> lse(batch);
  kernels::finish_log_sum_exp(rows, lse.vector());
  Numbers expected, diagonal, best_other;
  for (std::size_t i = 0; i < batch; ++i) {
    expected.push_back(log_sum_exp(s, i));
    diagonal.push_back(s[i * batch + i]);
    double best = -std::numeric_limits<double>::infinity();
    for (std::size_t j = 0; j < batch; ++j)
      if (j != i) best = std::max(best, s[i * batch + j]);
    best_other.push_back(best);
  }
  const auto host = [](const Vector<T>& v) {
    const auto values = to_host(v);
    return Numbers(values.begin(), values.end());
  };
  expect_close(lse.host(), expected, rounding<T>(batch), "log-sum-exp");
  EXPECT_EQ(host(rows.diagonal), diagonal);
  EXPECT_EQ(host(rows.best_other), best_other);
}

TEST(Contrastive, StatisticsOfRowsOverTiles) {
  check_statistics<float>();
  check_statistics<double>();
}

/// sum_i (lse_i - s_ii) / 2B over rows and columns: the loss as a function of the logits.
double loss_of(const Numbers& s) {
  double loss = 0;
  for (std::size_t i = 0; i < batch; ++i)
    loss += (log_sum_exp(s, i) + log_sum_exp(s, i, true) - 2 * s[i * batch + i]) / (2.0 * batch);
  return loss;
}

template <class T>
void check_gradient() {
  const Numbers s = random_numbers(batch * batch, 2, 3);
  Numbers row_lse, column_lse, gradient(batch * batch), dscale(batch, 0.5);
  for (std::size_t i = 0; i < batch; ++i) {
    row_lse.push_back(log_sum_exp(s, i));
    column_lse.push_back(log_sum_exp(s, i, true));
  }
  const Guarded<T> rows(row_lse), columns(column_lse), along(dscale);
  for_each_block([&](std::size_t row0, std::size_t row1, std::size_t column0, std::size_t column1) {
    const Guarded<T> tile(block(s, row0, row1, column0, column1));
    kernels::gradient_tile(tile.matrix(row1 - row0, column1 - column0), static_cast<int>(row0),
                           static_cast<int>(column0), part(rows.vector(), row0, row1),
                           part(columns.vector(), column0, column1), T(0.5 / batch),
                           part(along.vector(), row0, row1));
    const Numbers found = tile.host();
    for (std::size_t i = row0, k = 0; i < row1; ++i)
      for (std::size_t j = column0; j < column1; ++j) gradient[i * batch + j] = found[k++];
  });
  Numbers expected(batch * batch);
  for (std::size_t i = 0; i < batch; ++i)
    for (std::size_t j = 0; j < batch; ++j) {
      const double value = s[i * batch + j];
      expected[i * batch + j] =
          (std::exp(value - row_lse[i]) + std::exp(value - column_lse[j]) - (i == j ? 2 : 0)) /
          (2.0 * batch);
      dscale[i] += expected[i * batch + j] * value;
    }
  expect_close(gradient, expected, rounding<T>(batch), "gradient of the logits");
  expect_close(along.host(), dscale, rounding<T>(batch), "gradient of the logit scale");
  if (std::is_same_v<T, double>) expect_gradient("loss", loss_of, s, gradient);
}

TEST(Contrastive, GradientOfTiles) {
  check_gradient<float>();
  check_gradient<double>();
}

}  // namespace
