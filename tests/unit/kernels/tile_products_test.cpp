// Products of tiles in registers: against serial sums, with rows farther apart than they are long;
// what lies between rows is not touched.
#include "kernels/tile_products.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

constexpr int gap = 3;  // numbers between rows

/// Rows `stride` apart, as T.
template <class T>
struct Tile {
  int rows, columns, stride;
  std::vector<T> values;

  Tile(int r, int c, std::uint64_t seed)
      : rows(r),
        columns(c),
        stride(c + gap),
        values(converted<T>(random_numbers(static_cast<std::size_t>(r * stride), seed))) {}
  T* data() { return values.data(); }
  double at(int row, int column) const {
    return static_cast<double>(values[static_cast<std::size_t>(row * stride + column)]);
  }
  Numbers numbers() const { return Numbers(values.begin(), values.end()); }
};

/// `expected` of a tile: value(row, column) inside, what was there between rows.
template <class T, class F>
Numbers filled(const Tile<T>& tile, const F& value) {
  Numbers all = tile.numbers();
  for (int i = 0; i < tile.rows; ++i)
    for (int c = 0; c < tile.columns; ++c)
      all[static_cast<std::size_t>(i * tile.stride + c)] = value(i, c);
  return all;
}

template <class T, int Q>
void check(int depth, int vectors) {
  const int columns = vectors * simd_lanes<T>;
  const double tolerance = rounding<T>(depth + 1);

  Tile<T> a(Q, depth, 1), bt(depth, columns, 2), s(Q, columns, 3);
  const Numbers product = filled(s, [&](int q, int j) {
    double sum = 0;
    for (int d = 0; d < depth; ++d) sum += a.at(q, d) * bt.at(d, j);
    return sum;
  });
  if (vectors % 2 == 0) {
    kernels::tile_product<T, Q>(a.data(), a.stride, bt.data(), bt.stride, depth, columns, s.data(),
                                s.stride);
    expect_close(s.numbers(), product, tolerance, "product");
  }

  Tile<T> factor(1, Q, 4), out(Q, columns, 5);
  const Numbers added = filled(out, [&](int q, int c) {
    double sum = factor.at(0, q) * out.at(q, c);
    for (int j = 0; j < depth; ++j) sum += a.at(q, j) * bt.at(j, c);
    return sum;
  });
  kernels::add_tile_product<T, Q>(factor.data(), a.data(), a.stride, bt.data(), bt.stride, depth,
                                  columns, out.data(), out.stride);
  expect_close(out.numbers(), added, tolerance, "product added");

  Tile<T> p(Q, depth, 6), rows(Q, columns, 7), outer(depth, columns, 8);
  const Numbers sums = filled(outer, [&](int j, int c) {
    double sum = outer.at(j, c);
    for (int q = 0; q < Q; ++q) sum += p.at(q, j) * rows.at(q, c);
    return sum;
  });
  kernels::add_outer_product<T, Q>(p.data(), p.stride, rows.data(), rows.stride, depth, columns,
                                   outer.data(), outer.stride);
  expect_close(outer.numbers(), sums, rounding<T>(Q + 1), "outer product added");
}

TEST(TileProducts, EqualSerialSums) {
  for (const int depth : {1, 5, 64})
    for (const int vectors : {1, 2, 3, 6}) {
      check<float, kernels::tile_rows>(depth, vectors);
      check<double, kernels::tile_rows>(depth, vectors);
      check<float, 1>(depth, vectors);
      check<double, 1>(depth, vectors);
    }
}

}  // namespace
