// Products of tiles against serial sums, for depths and widths around the sizes of vectors.
#include "kernels/tile_products.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"
#include "tensor/loops.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

constexpr int Q = kernels::tile_rows;

std::size_t size(int rows, int columns) { return static_cast<std::size_t>(rows * columns); }

/// Arrays with rows that lie further apart than they are long.
template <class T>
struct Arrays {
  int depth, columns, a_stride, b_stride;
  Guarded<T> a, b, out;

  Arrays(int d, int c)
      : depth(d),
        columns(c),
        a_stride(d + 3),
        b_stride(c + 5),
        a(random_numbers(size(Q, a_stride), 1)),
        b(random_numbers(size(d, b_stride), 2)),
        out(random_numbers(size(Q, c), 3)) {}
};

template <class T>
void check_tile_product(int depth, int columns) {
  const Arrays<T> x(depth, columns);
  const std::vector<double> a = x.a.host(), b = x.b.host();
  kernels::tile_product(x.a.vector().data(), x.a_stride, x.b.vector().data(), x.b_stride, depth,
                        columns, x.out.vector().data(), columns);
  std::vector<double> expected(size(Q, columns), 0);
  for (int q = 0; q < Q; ++q)
    for (int j = 0; j < columns; ++j)
      for (int d = 0; d < depth; ++d)
        expected[size(q, columns) + static_cast<std::size_t>(j)] +=
            a[size(q, x.a_stride) + static_cast<std::size_t>(d)] *
            b[size(d, x.b_stride) + static_cast<std::size_t>(j)];
  expect_close(x.out.host(), expected, rounding<T>(depth), "tile product");
}

template <class T>
void check_add_tile_product(int depth, int columns) {
  const Arrays<T> x(depth, columns);
  const std::vector<double> a = x.a.host(), b = x.b.host(), before = x.out.host();
  std::vector<T> factor;
  for (int q = 0; q < Q; ++q) factor.push_back(static_cast<T>(0.25 * q));
  kernels::add_tile_product(factor.data(), x.a.vector().data(), x.a_stride, x.b.vector().data(),
                            x.b_stride, depth, columns, x.out.vector().data(), columns);
  std::vector<double> expected = before;
  for (int q = 0; q < Q; ++q)
    for (int c = 0; c < columns; ++c) {
      double& sum = expected[size(q, columns) + static_cast<std::size_t>(c)];
      sum *= 0.25 * q;
      for (int d = 0; d < depth; ++d)
        sum += a[size(q, x.a_stride) + static_cast<std::size_t>(d)] *
               b[size(d, x.b_stride) + static_cast<std::size_t>(c)];
    }
  expect_close(x.out.host(), expected, rounding<T>(depth + 1), "add tile product");
}

template <class T>
void check_add_outer_product(int rows, int columns) {
  const Guarded<T> p(random_numbers(size(Q, rows), 1)), a(random_numbers(size(Q, columns), 2)),
      out(random_numbers(size(rows, columns), 3));
  std::vector<double> expected = out.host();
  const std::vector<double> left = p.host(), right = a.host();
  kernels::add_outer_product(p.vector().data(), rows, a.vector().data(), columns, rows, columns,
                             out.vector().data(), columns);
  for (int j = 0; j < rows; ++j)
    for (int c = 0; c < columns; ++c)
      for (int q = 0; q < Q; ++q)
        expected[size(j, columns) + static_cast<std::size_t>(c)] +=
            left[size(q, rows) + static_cast<std::size_t>(j)] *
            right[size(q, columns) + static_cast<std::size_t>(c)];
  expect_close(out.host(), expected, rounding<T>(Q + 1), "add outer product");
}

template <class T>
void check_all() {
  for (const int depth : {0, 1, 7, 16, 33})
    for (const int vectors : {1, 2, 3, 4}) {
      if (vectors % 2 == 0) check_tile_product<T>(depth, vectors * simd_lanes<T>);
      check_add_tile_product<T>(depth, vectors * simd_lanes<T>);
      check_add_outer_product<T>(depth, vectors * simd_lanes<T>);
    }
}

TEST(TileProducts, EqualSerialSums) {
  if constexpr (!device_is_host) GTEST_SKIP() << "tiles are for a CPU's cache";
  check_all<float>();
  check_all<double>();
}

}  // namespace
