// The sum of shard gradients: one tree, the same bits on any number of ranks.
#include "optim/gradient_sum.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"
#include "support/bench.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

constexpr std::size_t size = 1000;

/// Gradient of a shard: numbers that use all bits of f64, so that every order of a sum rounds
/// differently.
std::vector<double> gradient_of(int shard) {
  std::vector<double> gradient = random_numbers(size, static_cast<std::uint64_t>(shard));
  for (double& value : gradient) value /= 3;
  return gradient;
}

/// The sum over all shards; `block`: which of the equal blocks of shards is this rank's.
template <class T>
std::vector<double> summed(const Communicator& communicator, int shards, Reduction reduction,
                           int block) {
  Bench bench;
  const int local = shards / communicator.size(), first = local * block;
  GradientSum<T> sum(size, local);
  Guarded<T> gradient(size);
  for (int repeat = 0; repeat < 2; ++repeat) {  // finish starts anew
    for (int k = local; k-- > 0;) {
      gradient.set(gradient_of(first + k));
      sum.add(gradient.vector());
    }
    sum.finish(bench.context, communicator, reduction, gradient.vector());
  }
  EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
  return gradient.host();
}

template <class T>
std::vector<double> summed(const Communicator& communicator, int shards, Reduction reduction) {
  return summed<T>(communicator, shards, reduction, communicator.rank());
}

/// One shard after the other.
std::vector<double> reference(int shards) {
  std::vector<double> sum(size, 0);
  for (int k = 0; k < shards; ++k) {
    const std::vector<double> gradient = gradient_of(k);
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
    EXPECT_EQ(summed<double>(Communicator::world(), shards, Reduction::exact),
              summed<double>(Communicator::self(), shards, Reduction::exact));
  }
}

/// Any order will do for the fast sum, but rounding is all that may differ. Blocks of shards are
/// dealt to ranks in another order, so that it does whatever order MPI takes.
TEST(GradientSum, FastIsNearExact) {
  const Communicator world = Communicator::world();
  const int ranks = world.size();
  const int block = (world.rank() % 2) * ((ranks + 1) / 2) + world.rank() / 2;  // 0 2 1 3 of four
  for (const int shards : {4, 16, 64}) {
    const std::vector<double> exact = summed<double>(world, shards, Reduction::exact);
    const std::vector<double> fast = summed<double>(world, shards, Reduction::fast, block);
    expect_close(fast, exact, 1e-9, "fast");
    EXPECT_NE(exact, reference(shards)) << "the numbers do not show in which order they are added";
    if (ranks > 2) {
      EXPECT_NE(fast, exact) << "the order was the same";
    }
  }
}

}  // namespace
