// Dropout: share and factor of what is kept, a function of protein and place alone.
#include "kernels/dropout.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

constexpr PhiloxKey key{{11, 22}};

template <class T>
std::vector<double> dropped(const std::vector<double>& values, const std::vector<int>& rows,
                            const std::vector<int>& identity, PhiloxKey with_key,
                            std::uint32_t site, double rate) {
  Bench bench;
  const Offsets offsets = make_offsets(bench.inputs, rows, identity);
  const std::size_t n = static_cast<std::size_t>(offsets.rows());
  const Guarded<T> x(values);
  kernels::dropout(x.matrix(n, values.size() / n), offsets, with_key, site, rate);
  return x.host();
}

template <class T>
std::vector<double> mask(const std::vector<int>& rows, const std::vector<int>& identity,
                         std::size_t columns, PhiloxKey with_key, std::uint32_t site, double rate) {
  const auto n = static_cast<std::size_t>(std::accumulate(rows.begin(), rows.end(), 0));
  return dropped<T>(std::vector<double>(n * columns, 1), rows, identity, with_key, site, rate);
}

/// The share kept within 5 standard deviations of 1 - rate; kept elements are 1 / (1 - rate).
template <class T>
void check_share(double rate) {
  const std::vector<double> values = mask<T>({400, 1, 599}, {}, 101, key, 5, rate);
  std::size_t dropped = 0;
  for (double value : values) {
    if (value == 0)
      ++dropped;
    else
      EXPECT_EQ(value, static_cast<double>(static_cast<T>(1 / (1 - rate))));
  }
  const double n = static_cast<double>(values.size());
  EXPECT_NEAR(static_cast<double>(dropped) / n, rate, 5 * std::sqrt(rate * (1 - rate) / n));
}

TEST(Dropout, ShareAndFactor) {
  for (const double rate : {0.0, 0.1, 0.5, 0.9}) {
    check_share<float>(rate);
    check_share<double>(rate);
  }
}

TEST(Dropout, EqualsItsElementwiseDefinition) {
  constexpr std::size_t columns = 7;
  constexpr double rate = 0.3;
  const std::vector<double> values = mask<double>({2, 3}, {40, 41}, columns, key, 5, rate);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t row = i / columns;
    const std::uint32_t identity = row < 2 ? 40 : 41;
    const auto place = static_cast<std::uint32_t>(row < 2 ? row : row - 2);
    EXPECT_EQ(values[i], kernels::dropout_factor(key, 5, identity, place,
                                                 static_cast<std::uint32_t>(i % columns),
                                                 kernels::dropout_threshold(rate), 1 / (1 - rate)));
  }
}

TEST(Dropout, DoesNotDependOnThePacking) {
  constexpr std::size_t columns = 13;
  const std::vector<double> packed = mask<float>({4, 9, 2}, {7, 3, 5}, columns, key, 1, 0.5);
  const std::vector<double> alone = mask<float>({9}, {3}, columns, key, 1, 0.5);
  const std::vector<double> part(packed.begin() + 4 * columns, packed.begin() + 13 * columns);
  EXPECT_EQ(part, alone);
}

TEST(Dropout, DiffersBetweenProteinsSitesAndSteps) {
  const auto base = mask<float>({50}, {3}, 8, key, 1, 0.5);
  EXPECT_EQ(base, mask<float>({50}, {3}, 8, key, 1, 0.5));
  EXPECT_NE(base, mask<float>({50}, {4}, 8, key, 1, 0.5));
  EXPECT_NE(base, mask<float>({50}, {3}, 8, key, 2, 0.5));
  EXPECT_NE(base, mask<float>({50}, {3}, 8, {{11, 23}}, 1, 0.5));
}

/// The same call on the gradient is the backward pass.
TEST(Dropout, GradientByDifferences) {
  const std::vector<double> x = random_numbers(5 * 7, 1), w = random_numbers(5 * 7, 2);
  const auto apply = [](const std::vector<double>& v) {
    return dropped<double>(v, {2, 3}, {40, 41}, key, 5, 0.3);
  };
  expect_gradient(
      "dropout", [&](const std::vector<double>& v) { return dot(apply(v), w); }, x, apply(w),
      static_cast<double>(w.size()));
}

TEST(Dropout, MasksOfARowAreThoseOfItsElements) {
  const kernels::DropoutRow draw{key, 3, 4, 5, kernels::dropout_threshold(0.25)};
  for (const int n : {1, 4, 255, 256, 600}) {
    int columns = 0;
    kernels::for_each_mask(HostRow{0}, draw, n, [&](int c, bool drops) {
      const double factor =
          kernels::dropout_factor(key, 4, 3, 5, static_cast<std::uint32_t>(c), draw.threshold, 1.0);
      EXPECT_EQ(drops, factor == 0) << c << " of " << n;
      ++columns;
    });
    EXPECT_EQ(columns, n);
  }
}

void time_dropout(benchmark::State& state) {
  constexpr std::size_t n = 4096, columns = 512;
  Bench bench;
  const Offsets offsets = make_offsets(bench.inputs, std::vector<int>(32, n / 32));
  const Guarded<float> x(random_numbers(n * columns, 1));
  measure(state, {.bytes = 8.0 * n * columns},
          [&] { kernels::dropout(x.matrix(n, columns), offsets, key, 1, 0.1); });
}
JESPR_BENCHMARK("dropout f32 [4096, 512]", time_dropout);

}  // namespace
