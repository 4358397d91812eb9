// Column sums: against a serial sum, accumulation, fixed order.
#include "kernels/columns.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

std::vector<double> reference(const std::vector<double>& x, std::vector<double> sums) {
  for (std::size_t i = 0; i < x.size(); ++i) sums[i % sums.size()] += x[i];
  return sums;
}

template <class T>
std::vector<double> column_sums(std::size_t n, std::size_t columns, const std::vector<double>& x,
                                const std::vector<double>& start) {
  Bench bench;
  const Guarded<T> dy(x), out(start);
  kernels::add_column_sums(bench.scratch, dy.matrix(n, columns), out.vector());
  EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
  return out.host();
}

template <class T>
void check(std::size_t n, std::size_t columns) {
  const std::vector<double> x = random_numbers(n * columns, 1), start = random_numbers(columns, 2);
  const std::vector<double> found = column_sums<T>(n, columns, x, start);
  expect_close(found, reference(x, start), rounding<T>(static_cast<double>(n + 1)),
               std::to_string(n) + " x " + std::to_string(columns));
  EXPECT_EQ(found, (column_sums<T>(n, columns, x, start)));
}

TEST(ColumnSums, EqualTheSerialSum) {
  for (std::size_t n : {0, 1, 2, 127, 128, 129, 1000})
    for (std::size_t columns : {1, 7, 64}) {
      check<float>(n, columns);
      check<double>(n, columns);
    }
}

void time_column_sums(benchmark::State& state) {
  constexpr std::size_t n = 4096, columns = 1280;
  Bench bench;
  const Guarded<float> dy(random_numbers(n * columns, 1)), out(random_numbers(columns, 2));
  measure(state, {.bytes = 4.0 * n * columns},
          [&] { kernels::add_column_sums(bench.scratch, dy.matrix(n, columns), out.vector()); });
}
JESPR_BENCHMARK("column sums f32 [4096, 1280]", time_column_sums);

}  // namespace
