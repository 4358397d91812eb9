// Token embedding: lookup with factors, its transpose, one embedding for every row; gradients by
// differences.
#include "kernels/embedding.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

constexpr std::size_t alphabet = 5;

template <class T>
Vector<const T> uploaded(Workspace& workspace, const std::vector<T>& host) {
  const Vector<T> view = workspace.vector<T>(host.size());
  to_device(view, host);
  return view;
}

template <class T>
std::vector<double> embedded(const std::vector<int>& tokens, const std::vector<double>& factor,
                             const std::vector<double>& table) {
  Bench bench;
  const std::size_t n = tokens.size(), columns = table.size() / alphabet;
  const Guarded<T> values(table), x(n * columns);
  kernels::embed_tokens(values.matrix(alphabet, columns), uploaded(bench.inputs, tokens),
                        uploaded(bench.inputs, converted<T>(factor)), x.matrix(n, columns));
  return x.host();
}

/// `start` and the gradient by the table, of <rows, w>.
template <class T>
std::vector<double> table_gradient(const std::vector<int>& tokens,
                                   const std::vector<double>& factor, const std::vector<double>& w,
                                   const std::vector<double>& start) {
  Bench bench;
  const std::size_t n = tokens.size(), columns = start.size() / alphabet;
  std::vector<int> starts(alphabet + 1, 0), rows;
  for (int a = 0; a < static_cast<int>(alphabet); ++a) {
    for (std::size_t i = 0; i < n; ++i)
      if (tokens[i] == a) rows.push_back(static_cast<int>(i));
    starts[static_cast<std::size_t>(a) + 1] = static_cast<int>(rows.size());
  }
  const Guarded<T> dx(w), dtable(start);
  kernels::embed_tokens_backward(dx.matrix(n, columns),
                                 uploaded(bench.inputs, converted<T>(factor)),
                                 uploaded(bench.inputs, rows), uploaded(bench.inputs, starts),
                                 dtable.matrix(alphabet, columns));
  return dtable.host();
}

template <class T>
void check(const std::vector<int>& tokens, std::size_t columns) {
  const std::size_t n = tokens.size();
  const std::vector<double> table = random_numbers(alphabet * columns, 1),
                            factor = random_numbers(n, 2), w = random_numbers(n * columns, 3),
                            start = random_numbers(alphabet * columns, 4);
  std::vector<double> expected(n * columns), expected_gradient = start;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t c = 0; c < columns; ++c) {
      const std::size_t entry = static_cast<std::size_t>(tokens[i]) * columns + c;
      expected[i * columns + c] = factor[i] * table[entry];
      expected_gradient[entry] += factor[i] * w[i * columns + c];
    }
  expect_close(embedded<T>(tokens, factor, table), expected, rounding<T>(1), "rows");
  expect_close(table_gradient<T>(tokens, factor, w, start), expected_gradient,
               rounding<T>(static_cast<double>(n)), "gradient");
}

TEST(Embedding, EqualsLookupAndItsTranspose) {
  for (const std::vector<int>& tokens :
       {std::vector<int>{3}, {0, 1, 2, 3, 4}, {4, 4, 4, 0, 4, 1, 4}})
    for (std::size_t columns : {1, 7, 32}) {
      check<float>(tokens, columns);
      check<double>(tokens, columns);
    }
}

TEST(Embedding, GradientByDifferences) {
  constexpr std::size_t columns = 7;
  const std::vector<int> tokens = {4, 4, 4, 0, 4, 1, 4};
  const std::vector<double> table = random_numbers(alphabet * columns, 1),
                            factor = random_numbers(tokens.size(), 2),
                            w = random_numbers(tokens.size() * columns, 3);
  expect_gradient(
      "table",
      [&](const std::vector<double>& v) { return dot(embedded<double>(tokens, factor, v), w); },
      table, table_gradient<double>(tokens, factor, w, std::vector<double>(table.size(), 0)),
      static_cast<double>(w.size()));
}

constexpr double fill_factor = -1.5;

template <class T>
std::vector<double> filled(std::size_t n, const std::vector<double>& row) {
  const Guarded<T> values(row), x(n * row.size());
  kernels::fill_rows<T>(values.vector(), T(fill_factor), x.matrix(n, row.size()));
  return x.host();
}

/// `start` and the gradient by the row, of <rows, w>.
template <class T>
std::vector<double> row_gradient(std::size_t n, const std::vector<double>& w,
                                 const std::vector<double>& start) {
  Bench bench;
  const Guarded<T> dx(w), drow(start);
  kernels::fill_rows_backward(bench.scratch, dx.matrix(n, start.size()), T(fill_factor),
                              drow.vector());
  return drow.host();
}

template <class T>
void check_fill(std::size_t n, std::size_t columns) {
  const std::vector<double> row = random_numbers(columns, 5), w = random_numbers(n * columns, 6);
  std::vector<double> expected, sums = random_numbers(columns, 7);
  const std::vector<double> start = sums;
  for (std::size_t i = 0; i < w.size(); ++i) {
    expected.push_back(fill_factor * row[i % columns]);
    sums[i % columns] += fill_factor * w[i];
  }
  expect_close(filled<T>(n, row), expected, rounding<T>(1), "rows");
  expect_close(row_gradient<T>(n, w, start), sums, rounding<T>(static_cast<double>(n)), "sums");
}

TEST(FillRows, FormulaAndGradient) {
  for (const auto& [n, columns] : {std::pair{1, 1}, {300, 7}, {5, 32}}) {
    check_fill<float>(static_cast<std::size_t>(n), static_cast<std::size_t>(columns));
    check_fill<double>(static_cast<std::size_t>(n), static_cast<std::size_t>(columns));
  }
  constexpr std::size_t n = 11, columns = 5;
  const std::vector<double> row = random_numbers(columns, 5), w = random_numbers(n * columns, 6);
  expect_gradient(
      "row", [&](const std::vector<double>& v) { return dot(filled<double>(n, v), w); }, row,
      row_gradient<double>(n, w, std::vector<double>(columns, 0)), static_cast<double>(w.size()));
}

}  // namespace
