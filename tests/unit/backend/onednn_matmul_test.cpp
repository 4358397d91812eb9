// Products by oneDNN's primitives: with f32 everywhere, so that all but the type of the operands is
// known to be right; with bf16 where the CPU multiplies that.
#include "backend/onednn_matmul.hpp"

#include <gtest/gtest.h>

#include <Kokkos_Macros.hpp>

#ifndef KOKKOS_ENABLE_CUDA  // which is built without oneDNN

#include "support/arrays.hpp"
#include "support/products.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

float as(float, double x) { return static_cast<float>(x); }
Bf16 as(Bf16, double x) { return to_bf16(static_cast<float>(x)); }
double value(float x) { return x; }
double value(Bf16 x) { return to_f32(x); }

/// Random numbers as E, and their values.
template <class E>
struct Numbers {
  Numbers(std::size_t n, std::uint64_t seed) {
    for (const double x : random_numbers(n, seed)) {
      elements.push_back(as(E{}, x));
      values.push_back(value(elements.back()));
    }
  }
  std::vector<E> elements;
  std::vector<double> values;
};

template <class E>
void check_all() {
  OnednnMatmul<E> matmul;  // one for all, so that its primitives are used again
  for_product_cases(product_sizes, [&](const ProductCase& s) {
    const Numbers<E> a(s.a_size(), 1), b(s.b_size(), 2);
    const Guarded<float> c(random_numbers(s.c_size(), 3));
    const std::vector<double> expected = s.serial(a.values, b.values, c.host());
    matmul.gemm(s.op_a, s.op_b, s.m, s.n, s.k, static_cast<float>(s.alpha), a.elements.data(),
                s.lda(), b.elements.data(), s.ldb(), static_cast<float>(s.beta), c.vector().data(),
                s.ldc());
    expect_close(c.host(), expected, rounding<float>(s.k + 2), s.name());
  });
}

template <class E>
void check_assignment() {
  OnednnMatmul<E> matmul;
  const Numbers<E> a(15, 1), b(20, 2);
  const Guarded<float> c(12);
  matmul.gemm(Op::plain, Op::plain, 3, 4, 5, 1, a.elements.data(), 5, b.elements.data(), 4, 0,
              c.vector().data(), 4);
  EXPECT_LT(max_difference(c.host(), std::vector<double>(12, 0)), 10);
}

TEST(OnednnMatmul, EqualsTheSerialProductInF32) {
  check_all<float>();
  check_assignment<float>();
  EXPECT_NE(OnednnMatmul<float>().implementation(), "");
}

TEST(OnednnMatmul, EqualsTheSerialProductInBf16) {
  if (onednn_bf16_units().empty())
    GTEST_SKIP() << "this CPU has no bf16 units (avx512_bf16, amx_bf16): oneDNN's products of bf16 "
                    "numbers were NOT tested here";
  check_all<Bf16>();
  check_assignment<Bf16>();
}

}  // namespace
#endif
