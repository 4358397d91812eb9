// Token embedding: lookup with factors, and its transpose.
#include "kernels/embedding.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"
#include "support/bench.hpp"

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
void check(const std::vector<int>& tokens, std::size_t columns) {
  Bench bench;
  const std::size_t n = tokens.size();
  const std::vector<double> table = random_numbers(alphabet * columns, 1),
                            factor = random_numbers(n, 2), w = random_numbers(n * columns, 3),
                            start = random_numbers(alphabet * columns, 4);
  std::vector<int> starts(alphabet + 1, 0), rows;
  for (int a = 0; a < static_cast<int>(alphabet); ++a) {
    for (std::size_t i = 0; i < n; ++i)
      if (tokens[i] == a) rows.push_back(static_cast<int>(i));
    starts[static_cast<std::size_t>(a) + 1] = static_cast<int>(rows.size());
  }
  const Guarded<T> values(table), x(n * columns), dx(w), dtable(start);
  const auto factors = uploaded(bench.inputs, converted<T>(factor));
  kernels::embed_tokens(values.matrix(alphabet, columns), uploaded(bench.inputs, tokens), factors,
                        x.matrix(n, columns));
  kernels::embed_tokens_backward(dx.matrix(n, columns), factors, uploaded(bench.inputs, rows),
                                 uploaded(bench.inputs, starts), dtable.matrix(alphabet, columns));

  std::vector<double> expected(n * columns), expected_gradient = start;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t c = 0; c < columns; ++c) {
      const std::size_t entry = static_cast<std::size_t>(tokens[i]) * columns + c;
      expected[i * columns + c] = factor[i] * table[entry];
      expected_gradient[entry] += factor[i] * w[i * columns + c];
    }
  expect_close(x.host(), expected, rounding<T>(1), "rows");
  expect_close(dtable.host(), expected_gradient, rounding<T>(static_cast<double>(n)), "gradient");
}

TEST(Embedding, EqualsLookupAndItsTranspose) {
  for (const std::vector<int>& tokens :
       {std::vector<int>{3}, {0, 1, 2, 3, 4}, {4, 4, 4, 0, 4, 1, 4}})
    for (std::size_t columns : {1, 7, 32}) {
      check<float>(tokens, columns);
      check<double>(tokens, columns);
    }
}

}  // namespace
