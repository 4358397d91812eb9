// Communicator: every operation, on any number of ranks.
#include "backend/communicator.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace {

using namespace jespr;

template <class T>
std::vector<T> counted(int n, int start) {
  std::vector<T> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), static_cast<T>(start));
  return values;
}

template <class T>
void check_type() {
  const Communicator world = Communicator::world();
  const int ranks = world.size(), last = ranks - 1;
  std::vector<T> block = counted<T>(5, 10 * world.rank());
  world.broadcast(std::span<T>(block), last);
  EXPECT_EQ(block, counted<T>(5, 10 * last));
  // Rank r has r elements: the first has none.
  std::vector<T> expected;
  for (int r = 0; r < ranks; ++r) {
    const auto part = counted<T>(r, r);
    expected.insert(expected.end(), part.begin(), part.end());
  }
  const auto mine = counted<T>(world.rank(), world.rank());
  EXPECT_EQ(world.all_gather(std::span<const T>(mine)), expected);
  const int partner = world.rank() ^ 1;
  if (partner < ranks) {
    const auto sent = counted<T>(3, world.rank());
    std::vector<T> received(3);
    world.exchange(std::span<const T>(sent), std::span<T>(received), partner);
    EXPECT_EQ(received, counted<T>(3, partner));
  }
}

template <class T>
void check_numbers() {
  check_type<T>();
  const Communicator world = Communicator::world();
  const auto ranks = static_cast<T>(world.size()), rank = static_cast<T>(world.rank());
  EXPECT_EQ(world.sum(rank), ranks * (ranks - 1) / 2);
  EXPECT_EQ(world.max(rank), ranks - 1);
  EXPECT_EQ(world.min(rank), T(0));
  std::vector<T> values = {rank, T(1)};
  world.sum(std::span<T>(values));
  EXPECT_EQ(values, (std::vector<T>{ranks * (ranks - 1) / 2, ranks}));
}

TEST(Communicator, EveryType) {
  check_type<char>();
  check_type<std::uint8_t>();
  check_numbers<std::int32_t>();
  check_numbers<std::int64_t>();
  check_numbers<std::uint64_t>();
  check_numbers<float>();
  check_numbers<double>();
}

TEST(Communicator, Texts) {
  const Communicator world = Communicator::world();
  EXPECT_EQ(world.broadcast(world.is_root() ? "a deck" : "something longer"), "a deck");
  EXPECT_EQ(world.broadcast(std::string()), "");
  const std::string mine = world.rank() % 2 == 0 ? "" : "rank " + std::to_string(world.rank());
  const std::vector<std::string> texts = world.all_gather(mine);
  ASSERT_EQ(texts.size(), static_cast<std::size_t>(world.size()));
  for (std::size_t r = 0; r < texts.size(); ++r)
    EXPECT_EQ(texts[r], r % 2 == 0 ? "" : "rank " + std::to_string(r));
}

TEST(Communicator, PrefixSums) {
  const Communicator world = Communicator::world();
  const std::int64_t rank = world.rank();
  EXPECT_EQ(world.exclusive_prefix_sum(rank + 1), rank * (rank + 1) / 2);
}

TEST(Communicator, WorldAndSelf) {
  const Communicator world = Communicator::world(), self = Communicator::self();
  EXPECT_EQ(self.size(), 1);
  EXPECT_TRUE(self.is_root());
  EXPECT_EQ(self.sum(7), 7);
  EXPECT_EQ(world.is_root(), world.rank() == 0);
  const auto [index, count] = world.rank_on_node();
  EXPECT_GE(index, 0);
  EXPECT_LT(index, count);
  EXPECT_LE(count, world.size());
}

}  // namespace
