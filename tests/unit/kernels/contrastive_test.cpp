// Tiles of the contrastive loss: log-sum-exp, partners and the best other column over tiles that
// cut rows and columns anywhere, and the gradient of a tile, against the whole matrix; one row and
// one column of each protein, or three of either.
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

/// A matrix of logits and who are partners in it.
struct Logits {
  std::size_t rows, columns;
  kernels::Partners partners;

  std::size_t size() const { return rows * columns; }
  bool are_partners(std::size_t i, std::size_t j) const {
    return i / static_cast<std::size_t>(partners.rows) ==
           j / static_cast<std::size_t>(partners.columns);
  }
};
const std::vector<Logits> shapes = {{9, 9, kernels::one_to_one}, {9, 3, {3, 1}}, {3, 9, {1, 3}}};

/// Where tiles begin and end, of so many rows or columns: also between partners.
std::vector<std::size_t> cuts_of(std::size_t n) {
  return n == 9 ? std::vector<std::size_t>{0, 1, 4, 9} : std::vector<std::size_t>{0, 1, 3};
}

/// Rows [row0, row1) and columns [column0, column1) of the matrix.
Numbers block(const Logits& shape, const Numbers& s, std::size_t row0, std::size_t row1,
              std::size_t column0, std::size_t column1) {
  Numbers part;
  for (std::size_t i = row0; i < row1; ++i)
    for (std::size_t j = column0; j < column1; ++j) part.push_back(s[i * shape.columns + j]);
  return part;
}

/// Calls visit(row0, row1, column0, column1) for every tile.
template <class Visit>
void for_each_block(const Logits& shape, const Visit& visit) {
  const auto rows = cuts_of(shape.rows), columns = cuts_of(shape.columns);
  for (std::size_t a = 0; a + 1 < rows.size(); ++a)
    for (std::size_t b = 0; b + 1 < columns.size(); ++b)
      visit(rows[a], rows[a + 1], columns[b], columns[b + 1]);
}

double row_lse(const Logits& shape, const Numbers& s, std::size_t i) {
  double sum = 0;
  for (std::size_t j = 0; j < shape.columns; ++j) sum += std::exp(s[i * shape.columns + j]);
  return std::log(sum);
}
double column_lse(const Logits& shape, const Numbers& s, std::size_t j) {
  double sum = 0;
  for (std::size_t i = 0; i < shape.rows; ++i) sum += std::exp(s[i * shape.columns + j]);
  return std::log(sum);
}

template <class T>
Vector<T> part(Vector<T> v, std::size_t begin, std::size_t end) {
  return Vector<T>(v.data() + begin, end - begin);
}

template <class T>
void check_statistics(const Logits& shape) {
  Bench bench;
  const Numbers s = random_numbers(shape.size(), 1, 20);
  const auto rows = kernels::RowStatistics<T>::take(bench.saved, static_cast<int>(shape.rows));
  kernels::reset(rows);
  for_each_block(shape, [&](std::size_t row0, std::size_t row1, std::size_t column0,
                            std::size_t column1) {
    const Guarded<T> tile(block(shape, s, row0, row1, column0, column1));
    const kernels::RowStatistics<T> own{part(rows.largest, row0, row1), part(rows.sum, row0, row1),
                                        part(rows.partner_sum, row0, row1),
                                        part(rows.best_partner, row0, row1),
                                        part(rows.best_other, row0, row1)};
    kernels::accumulate_tile(tile.matrix(row1 - row0, column1 - column0), static_cast<int>(row0),
                             static_cast<int>(column0), own, shape.partners);
  });
  const Guarded<T> lse(shape.rows);
  kernels::finish_log_sum_exp(rows, lse.vector());
  constexpr double lowest = -std::numeric_limits<double>::infinity();
  Numbers expected, sums(shape.rows, 0), best_partner(shape.rows, lowest),
      best_other = best_partner;
  for (std::size_t i = 0; i < shape.rows; ++i) {
    expected.push_back(row_lse(shape, s, i));
    for (std::size_t j = 0; j < shape.columns; ++j) {
      const double value = s[i * shape.columns + j];
      const bool own = shape.are_partners(i, j);
      if (own) sums[i] += value;
      double& best = own ? best_partner[i] : best_other[i];
      best = std::max(best, value);
    }
  }
  const auto host = [](const Vector<T>& v) {
    const auto values = to_host(v);
    return Numbers(values.begin(), values.end());
  };
  expect_close(lse.host(), expected, rounding<T>(shape.columns), "log-sum-exp");
  expect_close(host(rows.partner_sum), sums, rounding<T>(3), "sum over partners");
  EXPECT_EQ(host(rows.best_partner), best_partner);
  EXPECT_EQ(host(rows.best_other), best_other);
}

TEST(Contrastive, StatisticsOfRowsOverTiles) {
  for (const Logits& shape : shapes) {
    check_statistics<float>(shape);
    check_statistics<double>(shape);
  }
}

/// Half the mean over rows and half the mean over columns of log-sum-exp less the mean of the
/// partners: the loss as a function of the logits.
double loss_of(const Logits& shape, const Numbers& s) {
  double loss = 0;
  for (std::size_t i = 0; i < shape.rows; ++i)
    loss += row_lse(shape, s, i) / (2.0 * static_cast<double>(shape.rows));
  for (std::size_t j = 0; j < shape.columns; ++j)
    loss += column_lse(shape, s, j) / (2.0 * static_cast<double>(shape.columns));
  for (std::size_t i = 0; i < shape.rows; ++i)
    for (std::size_t j = 0; j < shape.columns; ++j)
      if (shape.are_partners(i, j))
        loss -= s[i * shape.columns + j] /
                static_cast<double>(shape.rows * static_cast<std::size_t>(shape.partners.columns));
  return loss;
}

template <class T>
void check_gradient(const Logits& shape) {
  const Numbers s = random_numbers(shape.size(), 2, 3);
  Numbers of_rows, of_columns, gradient(shape.size()), dscale(shape.rows, 0.5);
  for (std::size_t i = 0; i < shape.rows; ++i) of_rows.push_back(row_lse(shape, s, i));
  for (std::size_t j = 0; j < shape.columns; ++j) of_columns.push_back(column_lse(shape, s, j));
  const auto [rows_each, columns_each] = shape.partners;
  const double factor = 0.5 / static_cast<double>(shape.rows) / columns_each;
  const Guarded<T> rows(of_rows), columns(of_columns), along(dscale);
  for_each_block(
      shape, [&](std::size_t row0, std::size_t row1, std::size_t column0, std::size_t column1) {
        const Guarded<T> tile(block(shape, s, row0, row1, column0, column1));
        kernels::gradient_tile(tile.matrix(row1 - row0, column1 - column0), static_cast<int>(row0),
                               static_cast<int>(column0), part(rows.vector(), row0, row1),
                               part(columns.vector(), column0, column1), T(factor),
                               part(along.vector(), row0, row1), shape.partners);
        const Numbers found = tile.host();
        for (std::size_t i = row0, k = 0; i < row1; ++i)
          for (std::size_t j = column0; j < column1; ++j)
            gradient[i * shape.columns + j] = found[k++];
      });
  Numbers expected(shape.size());
  for (std::size_t i = 0; i < shape.rows; ++i)
    for (std::size_t j = 0; j < shape.columns; ++j) {
      const double value = s[i * shape.columns + j];
      double& g = expected[i * shape.columns + j];
      g = factor *
          (columns_each * std::exp(value - of_rows[i]) +
           rows_each * std::exp(value - of_columns[j]) - (shape.are_partners(i, j) ? 2 : 0));
      dscale[i] += g * value;
    }
  expect_close(gradient, expected, rounding<T>(shape.columns), "gradient of the logits");
  expect_close(along.host(), dscale, rounding<T>(shape.columns), "gradient of the logit scale");
  if (std::is_same_v<T, double>)
    expect_gradient(
        "loss", [&](const Numbers& v) { return loss_of(shape, v); }, s, gradient);
}

TEST(Contrastive, GradientOfTiles) {
  for (const Logits& shape : shapes) {
    check_gradient<float>(shape);
    check_gradient<double>(shape);
  }
}

}  // namespace
