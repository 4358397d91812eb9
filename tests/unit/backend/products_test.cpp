// Matrix products of each library: against a serial product, all transpositions and strides.
#include "backend/products.hpp"

#include <gtest/gtest.h>

#include <array>

#include "support/arrays.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

struct Case {
  Op op_a, op_b;
  int m, n, k;
  double alpha, beta;
  int gap;  // elements between the end of a row and the start of the next
};

int columns_of(Op op, int rows, int columns) { return op == Op::plain ? columns : rows; }
int rows_of(Op op, int rows, int columns) { return op == Op::plain ? rows : columns; }

std::vector<double> reference(const Case& s, const std::vector<double>& a, int lda,
                              const std::vector<double>& b, int ldb, std::vector<double> c,
                              int ldc) {
  const auto at = [](const std::vector<double>& x, Op op, int i, int j, int ld) {
    return x[static_cast<std::size_t>(op == Op::plain ? i * ld + j : j * ld + i)];
  };
  for (int i = 0; i < s.m; ++i)
    for (int j = 0; j < s.n; ++j) {
      double sum = 0;
      for (int l = 0; l < s.k; ++l) sum += at(a, s.op_a, i, l, lda) * at(b, s.op_b, l, j, ldb);
      double& result = c[static_cast<std::size_t>(i * ldc + j)];
      result = s.alpha * sum + (s.beta == 0 ? 0 : s.beta * result);
    }
  return c;
}

template <class T>
void check(ProductLibrary library, const Case& s) {
  const int lda = columns_of(s.op_a, s.m, s.k) + s.gap, ldb = columns_of(s.op_b, s.k, s.n) + s.gap,
            ldc = s.n + s.gap;
  const auto size = [](int rows, int ld) { return static_cast<std::size_t>(rows * ld); };
  const Guarded<T> a(random_numbers(size(rows_of(s.op_a, s.m, s.k), lda), 1)),
      b(random_numbers(size(rows_of(s.op_b, s.k, s.n), ldb), 2)),
      c(random_numbers(size(s.m, ldc), 3));
  const std::vector<double> expected = reference(s, a.host(), lda, b.host(), ldb, c.host(), ldc);
  Products products(library);
  products.gemm<T>(s.op_a, s.op_b, s.m, s.n, s.k, static_cast<T>(s.alpha), a.vector().data(), lda,
                   b.vector().data(), ldb, static_cast<T>(s.beta), c.vector().data(), ldc);
  EXPECT_EQ(products.operations(), 2.0 * s.m * s.n * s.k);
  // Including the gaps between rows, which must stay as they were.
  expect_close(c.host(), expected, rounding<T>(s.k + 2),
               std::to_string(s.m) + " x " + std::to_string(s.n) + " x " + std::to_string(s.k));
}

template <class T>
void check_all(const std::vector<std::array<int, 3>>& sizes) {
  for (const ProductLibrary library : Products::libraries<T>())
    for (const Op op_a : {Op::plain, Op::transposed})
      for (const Op op_b : {Op::plain, Op::transposed})
        for (const auto& [m, n, k] : sizes)
          for (const auto& [alpha, beta] : {std::pair{1.0, 0.0}, {1.0, 1.0}, {-0.5, 2.0}})
            for (const int gap : {0, 3}) check<T>(library, {op_a, op_b, m, n, k, alpha, beta, gap});
}

TEST(Products, EqualTheSerialProduct) {
  const std::vector<std::array<int, 3>> sizes = {{1, 1, 1}, {1, 7, 5},    {7, 1, 5},
                                                 {5, 7, 1}, {33, 17, 65}, {64, 32, 16}};
  check_all<float>(sizes);
  check_all<double>(sizes);
}

TEST(Products, EmptySizesAreLegal) {
  const std::vector<std::array<int, 3>> sizes = {{0, 3, 4}, {3, 0, 4}, {3, 4, 0}, {0, 0, 0}};
  check_all<float>(sizes);
  check_all<double>(sizes);
}

/// beta = 0 assigns: what was there, even not-a-number, is not read.
template <class T>
void check_assignment() {
  for (const ProductLibrary library : Products::libraries<T>())
    for (const int k : {0, 5}) {
      const Guarded<T> a(random_numbers(15, 1)), b(random_numbers(20, 2)), c(12);
      Products products(library);
      products.gemm<T>(Op::plain, Op::plain, 3, 4, k, T(1), a.vector().data(), 5, b.vector().data(),
                       4, T(0), c.vector().data(), 4);
      EXPECT_LT(max_difference(c.host(), std::vector<double>(12, 0)), 10) << "k = " << k;
    }
}

TEST(Products, ZeroBetaNeverReads) {
  check_assignment<float>();
  check_assignment<double>();
}

TEST(Products, RateIsMeasuredWithoutCounting) {
  Products products;
  EXPECT_GT(products.measure_rate<float>(64, 3), 0);
  EXPECT_EQ(products.operations(), 0);
}

TEST(Products, RecordedCallsCanBeReplayed) {
  Products products;
  const Guarded<double> a(random_numbers(15, 1)), b(random_numbers(20, 2)), c(12);
  const auto multiply = [&] {
    products.gemm<double>(Op::plain, Op::plain, 3, 4, 5, 1, a.vector().data(), 5, b.vector().data(),
                          4, 0, c.vector().data(), 4);
  };
  multiply();  // nobody records
  std::vector<ProductCall> calls;
  products.record(&calls);
  multiply();
  multiply();
  EXPECT_GT(products.replay<double>(calls, 1), 0);
  products.record(nullptr);
  multiply();
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[1].operations(), 120);
  EXPECT_EQ(calls[1].elements(), 15 + 20 + 12);
  EXPECT_EQ(products.operations(), 4 * 120) << "replaying does not count";
}

void time_product(benchmark::State& state) {
  constexpr int n = 1024;
  const Guarded<float> a(random_numbers(n * n, 1)), c(n * n);
  Products products;
  measure(state, {.operations = 2.0 * n * n * n}, [&] {
    products.gemm<float>(Op::plain, Op::transposed, n, n, n, 1, a.vector().data(), n,
                         a.vector().data(), n, 0, c.vector().data(), n);
  });
}
JESPR_BENCHMARK("product f32 1024^3", time_product);

}  // namespace
