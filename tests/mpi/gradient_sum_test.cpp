// The sum of shard gradients: one tree, the same bits on any number of ranks.
#include "optim/gradient_sum.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"
#include "support/bench.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

constexpr std::size_t size = 1000;

template <class T>
std::vector<double> summed(const Communicator& communicator, int shards, Reduction reduction) {
  Bench bench;
  const int local = shards / communicator.size(), first = local * communicator.rank();
  GradientSum<T> sum(size, local);
  Guarded<T> gradient(size);
  for (int repeat = 0; repeat < 2; ++repeat) {  // finish starts anew
    for (int k = local; k-- > 0;) {
      gradient.set(random_numbers(size, static_cast<std::uint64_t>(first + k)));
      sum.add(gradient.vector());
    }
    sum.finish(bench.context, communicator, reduction, gradient.vector());
  }
  EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
  return gradient.host();
}

std::vector<double> reference(int shards) {
  std::vector<double> sum(size, 0);
  for (int k = 0; k < shards; ++k) {
    const std::vector<double> gradient = random_numbers(size, static_cast<std::uint64_t>(k));
    for (std::size_t i = 0; i < size; ++i) sum[i] += gradient[i];
  }
  return sum;
}

TEST(GradientSum, AnyNumberOfShards) {
  for (const int shards : {1, 2, 3, 4, 5, 7, 8, 13})
    expect_close(summed<double>(Communicator::self(), shards, Reduction::exact), reference(shards),
                 rounding<double>(shards), std::to_string(shards) + " shards");
}

TEST(GradientSum, SameBitsOnAnyNumberOfRanks) {
  for (const int shards : {4, 8, 16}) {
    EXPECT_EQ(summed<float>(Communicator::world(), shards, Reduction::exact),
              summed<float>(Communicator::self(), shards, Reduction::exact));
    expect_close(summed<double>(Communicator::world(), shards, Reduction::fast), reference(shards),
                 rounding<double>(shards), "fast");
  }
}

}  // namespace
