// Products of tiles with operands rounded to bf16 against serial sums of rounded numbers, for row
// counts, depths and widths around the sizes of vectors and tiles.
#include "kernels/bf16_tile_products.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"
#include "tensor/loops.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using kernels::Old;

using Pairs = std::vector<Bf16Pair>;

std::size_t size(int rows, int columns) {
  return static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns);
}

double rounded(double x) { return to_f32(to_bf16(static_cast<float>(x))); }

/// A matrix whose rows lie further apart than they are long, and its numbers rounded.
struct Operand {
  Operand(int rows, int columns, std::uint64_t seed)
      : stride(columns + 3), numbers(random_numbers(size(rows, stride), seed)) {
    for (const double x : numbers.host()) exact.push_back(rounded(x));
  }
  double at(int i, int j) const { return exact[size(i, stride) + static_cast<std::size_t>(j)]; }
  const float* data() const { return numbers.vector().data(); }

  int stride;
  Guarded<float> numbers;
  std::vector<double> exact;
};

Pairs packed(const Operand& b, int depth, int columns, bool turned) {
  const kernels::Tile<float> tile{b.data(), turned ? 1 : b.stride, turned ? b.stride : 1};
  Pairs pairs(kernels::packed_pairs(depth, columns), 0xdeadbeefu);
  for (int first = 0; first < columns; first += 2 * simd_lanes<float>)
    kernels::pack_pairs(tile, depth, columns, first, pairs.data());
  return pairs;
}

/// c = old + a b; `turned` operands are stored transposed.
template <Old old>
void check(int rows, int depth, int columns, bool turned) {
  const Operand a(turned ? depth : rows, turned ? rows : depth, 1),
      b(turned ? columns : depth, turned ? depth : columns, 2);
  const int width = whole_vectors<float>(columns);
  const Guarded<float> c(random_numbers(size(rows, width), 3));
  std::vector<double> expected = c.host();
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < width; ++j) {
      double& sum = expected[size(i, width) + static_cast<std::size_t>(j)];
      if (old == Old::dropped) sum = 0;
      for (int k = 0; k < depth && j < columns; ++k)
        sum += (turned ? a.at(k, i) : a.at(i, k)) * (turned ? b.at(j, k) : b.at(k, j));
    }
  Pairs room(kernels::left_pairs(rows, depth), 0xdeadbeefu);
  const auto left = turned ? kernels::round_transposed(a.data(), a.stride, depth, rows, room.data())
                           : kernels::round_rows(a.data(), a.stride, rows, depth, room.data());
  const Pairs right = packed(b, depth, columns, turned);
  const Bf16Tiles tiles;
  kernels::pair_product<old>(rows, width, kernels::whole_pairs(depth), left, right.data(),
                             c.vector().data(), width);
  expect_close(c.host(), expected, rounding<float>(depth + 1), "product of pairs");
}

TEST(Bf16TileProducts, EqualSerialSumsOfRoundedNumbers) {
  if constexpr (!device_is_host) GTEST_SKIP() << "tiles are for a CPU's cache";
  for (const int rows : {1, 5, 16, 31, 48})
    for (const int depth : {0, 1, 2, 33, 64})
      for (const int columns : {1, 8, 17, 32, 41, 64})
        for (const bool turned : {false, true}) {
          check<Old::dropped>(rows, depth, columns, turned);
          check<Old::kept>(rows, depth, columns, turned);
        }
}

}  // namespace
