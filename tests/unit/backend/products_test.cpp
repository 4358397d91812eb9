// Matrix products of each library: against a serial product, all transpositions and strides.
#include "backend/products.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>

#include "backend/bf16.hpp"
#include "support/arrays.hpp"
#include "support/products.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

/// The operands as the products see them, given `values`.
using View = std::vector<double> (*)(std::vector<double> values);

/// cuBLAS is allowed to round to bf16, not made to: it may take unrounded numbers where they lie
/// badly for its tensor cores, each operand up to a roundoff of 2^-8 away from the rounded one.
template <class T = float>
double allowed_rounding(const Products& products) {
  const bool may = std::is_same_v<T, float> && products.library() == ProductLibrary::cublas &&
                   products.operands() == OperandPrecision::bf16;
  return may ? 2 * 0x1p-8 : 0;
}

template <class T>
void check(Products& products, const ProductCase& s, View view) {
  const Guarded<T> a(random_numbers(s.a_size(), 1)), b(random_numbers(s.b_size(), 2)),
      c(random_numbers(s.c_size(), 3));
  const std::vector<double> expected = s.serial(view(a.host()), view(b.host()), c.host());
  const double before = products.operations();
  products.gemm<T>(s.op_a, s.op_b, s.m, s.n, s.k, static_cast<T>(s.alpha), a.vector().data(),
                   s.lda(), b.vector().data(), s.ldb(), static_cast<T>(s.beta), c.vector().data(),
                   s.ldc());
  EXPECT_EQ(products.operations() - before, 2.0 * s.m * s.n * s.k);
  // Including the gaps between rows, which must stay as they were.
  expect_close(c.host(), expected,
               rounding<T>(s.k + 2) + allowed_rounding<T>(products) * std::sqrt(s.k), s.name());
}

std::vector<double> as_they_are(std::vector<double> values) { return values; }
std::vector<double> rounded(std::vector<double> values) {
  for (double& x : values) x = to_f32(to_bf16(static_cast<float>(x)));
  return values;
}

template <class T>
void check_all(const std::vector<std::array<int, 3>>& sizes, OperandPrecision operands, View view) {
  for (const ProductLibrary library : Products::libraries<T>()) {
    Products products(library, operands);
    for_product_cases(sizes, [&](const ProductCase& s) { check<T>(products, s, view); });
  }
}

constexpr auto working = OperandPrecision::working, bf16 = OperandPrecision::bf16;
const std::vector<std::array<int, 3>> empty_sizes = {{0, 3, 4}, {3, 0, 4}, {3, 4, 0}, {0, 0, 0}};

TEST(Products, EqualTheSerialProduct) {
  check_all<float>(product_sizes, working, as_they_are);
  check_all<double>(product_sizes, working, as_they_are);
}

TEST(Products, EmptySizesAreLegal) {
  check_all<float>(empty_sizes, working, as_they_are);
  check_all<double>(empty_sizes, working, as_they_are);
  check_all<float>(empty_sizes, bf16, rounded);
}

/// The same as of rounded numbers, to the rounding of sums in f32; f64 knows no rounding.
TEST(Products, OfBf16RoundTheirOperandsAlone) {
  check_all<float>(product_sizes, bf16, rounded);
  check_all<double>(product_sizes, bf16, as_they_are);
}

/// x y, both numbers in matrices [1, 1].
float multiply(Products& products, float x, float y) {
  const std::vector<double> left = {x}, right = {y};
  const Guarded<float> a(left), b(right), c(1);
  products.gemm<float>(Op::plain, Op::plain, 1, 1, 1, 1, a.vector().data(), 1, b.vector().data(), 1,
                       0, c.vector().data(), 1);
  return static_cast<float>(c.host()[0]);
}

TEST(Products, OfBf16PassOnWhatIsNotFinite) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  for (const ProductLibrary library : Products::libraries<float>()) {
    Products products(library, bf16);
    EXPECT_EQ(multiply(products, infinity, -2), -infinity);
    EXPECT_TRUE(std::isnan(multiply(products, nan, 1)));
    EXPECT_TRUE(std::isnan(multiply(products, 1, -nan)));
    EXPECT_TRUE(std::isnan(multiply(products, infinity, 0)));
  }
}

constexpr float just_above_one = 1 + 0x1p-9f;  // 1 in bf16

TEST(Products, NothingIsRoundedWhereNobodyWantsIt) {
  for (const ProductLibrary library : Products::libraries<float>()) {
    Products products(library, bf16);
    EXPECT_NEAR(multiply(products, just_above_one, 1), 1, allowed_rounding(products));
    {
      const UnroundedProducts unrounded(products);
      EXPECT_EQ(multiply(products, just_above_one, 1), just_above_one);
    }
    EXPECT_NEAR(multiply(products, just_above_one, 1), 1, allowed_rounding(products));
    EXPECT_EQ(products.operands(), bf16);
  }
}

/// Weights that an update changes, in a product on their way to and from a layer.
TEST(Products, KeptOperandsFollowTheirVersion) {
  Guarded<float> weights(random_numbers(40, 4));
  const Guarded<float> x(random_numbers(24, 5)), y(30);
  std::uint64_t version = 1;
  Products products(Products::default_library(), bf16);
  products.keep_copies(weights.vector().data(), 40, version);
  const auto check_now = [&](const std::vector<double>& expected_weights, const char* when) {
    // x [6, 4] by columns [1, 5) of the weights [5, 8].
    const ProductCase s{Op::plain, Op::transposed, 6, 5, 4, 1, 0, 0};
    std::vector<double> part;
    for (std::size_t i = 0; i < 5; ++i)
      for (std::size_t j = 1; j < 5; ++j) part.push_back(expected_weights[i * 8 + j]);
    products.gemm<float>(s.op_a, s.op_b, 6, 5, 4, 1, x.vector().data(), 4,
                         weights.vector().data() + 1, 8, 0, y.vector().data(), 5);
    expect_close(y.host(), s.serial(rounded(x.host()), rounded(part), std::vector<double>(30)),
                 rounding<float>(6) + 2 * allowed_rounding(products), when);
  };
  check_now(weights.host(), "first");
  weights.set(random_numbers(40, 6));
  ++version;
  check_now(weights.host(), "after an update");
  products.forget_copies(weights.vector().data());
  check_now(weights.host(), "forgotten");
}

/// beta = 0 assigns: what was there, even not-a-number, is not read.
template <class T>
void check_assignment(OperandPrecision operands) {
  for (const ProductLibrary library : Products::libraries<T>())
    for (const int k : {0, 5}) {
      const Guarded<T> a(random_numbers(15, 1)), b(random_numbers(20, 2)), c(12);
      Products products(library, operands);
      products.gemm<T>(Op::plain, Op::plain, 3, 4, k, T(1), a.vector().data(), 5, b.vector().data(),
                       4, T(0), c.vector().data(), 4);
      EXPECT_LT(max_difference(c.host(), std::vector<double>(12, 0)), 10) << "k = " << k;
    }
}

TEST(Products, ZeroBetaNeverReads) {
  check_assignment<float>(working);
  check_assignment<double>(working);
  check_assignment<float>(bf16);
}

TEST(Products, RateIsMeasuredWithoutCounting) {
  for (const OperandPrecision operands : {working, bf16}) {
    Products products(Products::default_library(), operands);
    EXPECT_GT(products.measure_rate<float>(64, 3), 0);
    EXPECT_EQ(products.operations(), 0);
    EXPECT_EQ(products.bytes(), 0) << "nothing is kept";
  }
}

TEST(Products, SayWhatMultiplies) {
  EXPECT_EQ(Products().describe(), name_of(Products::default_library()));
  for (const ProductLibrary library : Products::libraries<float>()) {
    const std::string units = Products::bf16_units(library);
    EXPECT_NE(Products(library, bf16).describe().find(units.empty() ? "rounded" : units),
              std::string::npos);
  }
}

TEST(Products, CallsOfBothPrecisionsCanBeReplayed) {
  Products products(Products::default_library(), bf16);
  std::vector<ProductCall> calls;
  products.record(&calls);
  multiply(products, 1, 2);
  {
    const UnroundedProducts unrounded(products);
    multiply(products, 1, 2);
  }
  products.record(nullptr);
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].operands, bf16);
  EXPECT_EQ(calls[1].operands, working);
  EXPECT_GT(products.replay<float>(calls, 1), 0);
  EXPECT_EQ(products.operands(), bf16);
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

void time_product_of(benchmark::State& state, OperandPrecision operands) {
  constexpr int n = 1024;
  const Guarded<float> a(random_numbers(n * n, 1)), c(n * n);
  Products products(Products::default_library(), operands);
  measure(state, {.operations = 2.0 * n * n * n}, [&] {
    products.gemm<float>(Op::plain, Op::transposed, n, n, n, 1, a.vector().data(), n,
                         a.vector().data(), n, 0, c.vector().data(), n);
  });
}
void time_product(benchmark::State& state) { time_product_of(state, working); }
JESPR_BENCHMARK("product f32 1024^3", time_product);
void time_bf16_product(benchmark::State& state) { time_product_of(state, bf16); }
JESPR_BENCHMARK("product bf16 1024^3, its operands rounded each time", time_bf16_product);

}  // namespace
