// Matrix products for tests: their cases, and the serial product to compare with.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "backend/products.hpp"

namespace jespr::test {

struct ProductCase {
  Op op_a, op_b;
  int m, n, k;
  double alpha, beta;
  int gap;  // elements between the end of a row and the start of the next

  int lda() const { return (op_a == Op::plain ? k : m) + gap; }
  int ldb() const { return (op_b == Op::plain ? n : k) + gap; }
  int ldc() const { return n + gap; }
  std::size_t a_size() const {
    return static_cast<std::size_t>((op_a == Op::plain ? m : k) * lda());
  }
  std::size_t b_size() const {
    return static_cast<std::size_t>((op_b == Op::plain ? k : n) * ldb());
  }
  std::size_t c_size() const { return static_cast<std::size_t>(m * ldc()); }
  std::string name() const {
    return std::to_string(m) + " x " + std::to_string(n) + " x " + std::to_string(k);
  }

  /// alpha op(A) op(B) + beta C with all gaps as they were.
  std::vector<double> serial(const std::vector<double>& a, const std::vector<double>& b,
                             std::vector<double> c) const {
    const auto at = [](const std::vector<double>& x, Op op, int i, int j, int stride) {
      return x[static_cast<std::size_t>(op == Op::plain ? i * stride + j : j * stride + i)];
    };
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < n; ++j) {
        double sum = 0;
        for (int l = 0; l < k; ++l) sum += at(a, op_a, i, l, lda()) * at(b, op_b, l, j, ldb());
        double& result = c[static_cast<std::size_t>(i * ldc() + j)];
        result = alpha * sum + (beta == 0 ? 0 : beta * result);
      }
    return c;
  }
};

inline const std::vector<std::array<int, 3>> product_sizes = {
    {1, 1, 1}, {1, 7, 5}, {7, 1, 5}, {5, 7, 1}, {33, 17, 65}, {64, 32, 16}, {260, 36, 70}};

/// check(case) for all transpositions, factors and gaps of all sizes.
template <class Check>
void for_product_cases(const std::vector<std::array<int, 3>>& sizes, const Check& check) {
  for (const Op op_a : {Op::plain, Op::transposed})
    for (const Op op_b : {Op::plain, Op::transposed})
      for (const auto& [m, n, k] : sizes)
        for (const auto& [alpha, beta] : {std::pair{1.0, 0.0}, {1.0, 1.0}, {-0.5, 2.0}})
          for (const int gap : {0, 3}) check(ProductCase{op_a, op_b, m, n, k, alpha, beta, gap});
}

}  // namespace jespr::test
