// Products of tiles against serial sums, for row counts, depths and widths around the sizes of
// vectors and of what registers hold.
#include "kernels/tile_products.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"
#include "tensor/loops.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using kernels::Old;
using kernels::Tile;

std::size_t at(int row, int stride, int column) {
  return static_cast<std::size_t>(row * stride + column);
}

/// One product whose rows lie further apart than they are long; `turned` reads a by columns.
template <Old old, class T>
void check(int rows, int depth, int columns, bool turned) {
  const int a_stride = (turned ? rows : depth) + 3, b_stride = columns + 5, c_stride = columns + 2;
  const Guarded<T> a(random_numbers(at(turned ? depth : rows, a_stride, 0), 1)),
      b(random_numbers(at(depth, b_stride, 0), 2)), c(random_numbers(at(rows, c_stride, 0), 3));
  const std::vector<double> left = a.host(), right = b.host();
  std::vector<double> expected = c.host();
  std::vector<T> factor;
  for (int i = 0; i < rows; ++i) factor.push_back(static_cast<T>(0.25 * i));
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) {
      double& sum = expected[at(i, c_stride, j)];
      if (old == Old::dropped) sum = 0;
      if (old == Old::scaled) sum *= 0.25 * i;
      for (int k = 0; k < depth; ++k)
        sum += left[turned ? at(k, a_stride, i) : at(i, a_stride, k)] * right[at(k, b_stride, j)];
    }
  const Tile<T> tile{a.vector().data(), turned ? 1 : a_stride, turned ? a_stride : 1};
  kernels::tile_product<old>(rows, columns, depth, tile, b.vector().data(), b_stride,
                             c.vector().data(), c_stride, factor.data());
  expect_close(c.host(), expected, rounding<T>(depth + 1), "tile product");
}

/// A product with a packed b [depth, columns], whose last columns may fill no vector.
template <class T>
void check_packed(int rows, int depth, int columns, bool turned) {
  const int width = whole_vectors<T>(columns), b_stride = turned ? depth + 1 : columns + 5;
  const Guarded<T> a(random_numbers(at(rows, depth, 0), 1)),
      b(random_numbers(at(turned ? columns : depth, b_stride, 0), 2)),
      c(random_numbers(at(rows, width, 0), 3)),
      packed(std::vector<double>(kernels::packed_size<T>(depth, columns), 9.0));
  const kernels::Tile<T> right{b.vector().data(), turned ? 1 : b_stride, turned ? b_stride : 1};
  for (int first = 0; first < columns; first += 2 * simd_lanes<T>)
    kernels::pack_columns(right, depth, columns, first, packed.vector().data());
  std::vector<double> expected = c.host();
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j)
      for (int k = 0; k < depth; ++k)
        expected[at(i, width, j)] += a.host()[at(i, depth, k)] * double(*right.at(k, j));
  kernels::packed_product<Old::kept>(rows, width, depth, {a.vector().data(), depth},
                                     packed.vector().data(), c.vector().data(), width);
  expect_close(c.host(), expected, rounding<T>(depth + 1), "packed product");
}

template <class T>
void check_all() {
  for (const int rows : {1, 2, 5, 12, 31})
    for (const int depth : {0, 1, 7, 33})
      for (const int vectors : {1, 2, 3, 4})
        for (const bool turned : {false, true}) {
          check<Old::dropped, T>(rows, depth, vectors * simd_lanes<T>, turned);
          check<Old::kept, T>(rows, depth, vectors * simd_lanes<T>, turned);
          check<Old::scaled, T>(rows, depth, vectors * simd_lanes<T>, turned);
        }
}

TEST(TileProducts, OfPackedColumnsEqualSerialSums) {
  if constexpr (!device_is_host) GTEST_SKIP() << "tiles are for a CPU's cache";
  for (const int rows : {1, 31})
    for (const int depth : {0, 1, 33})
      for (const int columns : {1, 8, 17, 32, 41})
        for (const bool turned : {false, true}) {
          check_packed<float>(rows, depth, columns, turned);
          check_packed<double>(rows, depth, columns, turned);
        }
}

TEST(TileProducts, EqualSerialSums) {
  if constexpr (!device_is_host) GTEST_SKIP() << "tiles are for a CPU's cache";
  check_all<float>();
  check_all<double>();
}

}  // namespace
