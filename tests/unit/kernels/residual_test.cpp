// The end of a residual branch: in one pass the same as bias, dropout, sum and layer norm by
// themselves.
#include "kernels/residual.hpp"

#include <gtest/gtest.h>

#include "kernels/layer_norm.hpp"
#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

constexpr double rate = 0.3, eps = 1e-5;
constexpr PhiloxKey key{{5, 6}};

template <class T>
void check(const std::vector<int>& rows, std::size_t columns, bool drops) {
  Bench bench;
  const Offsets offsets = make_offsets(bench.inputs, rows);
  const auto n = static_cast<std::size_t>(offsets.rows());
  const std::vector<double> x = random_numbers(n * columns, 1), b = random_numbers(columns, 2),
                            s = random_numbers(n * columns, 3);
  const Guarded<T> stream(s), bias(b), gain(random_numbers(columns, 4)),
      norm_bias(random_numbers(columns, 5)), y(n * columns), expected_y(n * columns), mean(n),
      rstd(n);
  const kernels::RowDropout masks =
      drops ? kernels::RowDropout(offsets, key, 7, rate) : kernels::RowDropout();

  std::vector<double> with_bias = x;
  for (std::size_t i = 0; i < x.size(); ++i) with_bias[i] += b[i % columns];
  const Guarded<T> branch(with_bias);
  if (drops) kernels::dropout(branch.matrix(n, columns), offsets, key, 7, rate);
  std::vector<double> expected = branch.host();
  for (std::size_t i = 0; i < x.size(); ++i) expected[i] += s[i];

  const Guarded<T> sum(x), normed_sum(x);
  kernels::add_residual(sum.matrix(n, columns), bias.vector(), masks, stream.matrix(n, columns));
  expect_close(sum.host(), expected, rounding<T>(3), "sum");
  kernels::add_residual_and_norm(normed_sum.matrix(n, columns), bias.vector(), masks,
                                 stream.matrix(n, columns), gain.vector(), norm_bias.vector(),
                                 T(eps), y.matrix(n, columns), mean.vector(), rstd.vector());
  EXPECT_EQ(normed_sum.host(), sum.host());
  const std::vector<double> its_mean = mean.host(), its_rstd = rstd.host();
  kernels::layer_norm(sum.matrix(n, columns), gain.vector(), norm_bias.vector(), T(eps),
                      expected_y.matrix(n, columns), mean.vector(), rstd.vector());
  EXPECT_EQ(y.host(), expected_y.host());
  EXPECT_EQ(its_mean, mean.host());
  EXPECT_EQ(its_rstd, rstd.host());
}

TEST(Residual, EqualsItsParts) {
  for (const std::size_t columns : {1, 7, 64, 321})
    for (const bool drops : {false, true}) {
      check<float>({3, 1, 30}, columns, drops);
      check<double>({3, 1, 30}, columns, drops);
    }
}

void time_residual_and_norm(benchmark::State& state) {
  constexpr std::size_t n = 4096, columns = 320;
  const Guarded<float> branch(random_numbers(n * columns, 1)), bias(random_numbers(columns, 2)),
      stream(random_numbers(n * columns, 3)), y(n * columns), mean(n), rstd(n);
  measure(state, {.bytes = 4.0 * 4 * n * columns}, [&] {
    kernels::add_residual_and_norm(
        branch.matrix(n, columns), bias.vector(), {}, stream.matrix(n, columns), bias.vector(),
        bias.vector(), static_cast<float>(eps), y.matrix(n, columns), mean.vector(), rstd.vector());
  });
}
JESPR_BENCHMARK("residual and layer norm f32 [4096, 320]", time_residual_and_norm);

}  // namespace
