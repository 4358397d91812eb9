// Arena: growth by blocks, marks and scopes, settling, alignment.
#include "tensor/arena.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <span>

namespace {

using namespace jespr;

constexpr std::size_t mebibyte = 1 << 20;

TEST(Arena, GivesBackByMarksInTheOrderOfAStack) {
  Stack stack("test");
  void* first = stack.take(100);
  const Stack::Mark mark = stack.mark();
  const std::size_t used = stack.in_use();
  void* second = stack.take(1000);
  EXPECT_NE(first, second);
  EXPECT_GE(stack.in_use(), used + 1000);
  stack.release(mark);
  EXPECT_EQ(stack.in_use(), used);
  EXPECT_EQ(stack.take(1000), second);
  EXPECT_EQ(stack.high_water(), stack.in_use());
}

TEST(Arena, IsAlignedAndNeverOverlaps) {
  Workspace workspace("test");
  std::uintptr_t end = 0;
  for (const std::size_t n : {1, 3, 64, 65, 1000, 0, 7}) {
    const Vector<double> v = workspace.vector<double>(n);
    const auto begin = reinterpret_cast<std::uintptr_t>(v.data());
    EXPECT_EQ(begin % 256, 0u);
    EXPECT_GE(begin, end);
    end = begin + n * sizeof(double);
  }
}

TEST(Arena, GrowsWithoutMovingWhatIsInUse) {
  Workspace workspace("test");
  const Vector<int> early = workspace.vector<int>(1000);
  const std::vector<int> numbers(1000, 42);
  to_device(early, numbers);
  for (int i = 0; i < 3; ++i) workspace.matrix<double>(3 * mebibyte, 1);
  EXPECT_GT(workspace.stack().allocations(), 1u);
  EXPECT_EQ(to_host(early), numbers);
}

TEST(Arena, SettlesIntoOneBlockAndAllocatesNoMore) {
  Workspace workspace("test");
  const auto step = [&] {
    Scope scope(workspace);
    for (int i = 0; i < 20; ++i) workspace.vector<std::byte>(3 * mebibyte);
    {
      Scope inner(workspace);
      workspace.vector<std::byte>(50 * mebibyte);
    }
    workspace.vector<std::byte>(10 * mebibyte);
  };
  step();
  EXPECT_EQ(workspace.stack().in_use(), 0u);
  workspace.stack().settle();
  const std::size_t allocations = workspace.stack().allocations();
  const std::size_t capacity = workspace.stack().capacity();
  EXPECT_GE(capacity, 110 * mebibyte);
  for (int i = 0; i < 3; ++i) step();
  EXPECT_EQ(workspace.stack().allocations(), allocations);
  EXPECT_EQ(workspace.stack().capacity(), capacity);

  workspace.stack().settle(2 * capacity);  // room for more than was ever in use
  EXPECT_GE(workspace.stack().capacity(), 2 * capacity);
  EXPECT_EQ(workspace.stack().allocations(), allocations + 1);
  workspace.stack().settle(capacity);
  EXPECT_EQ(workspace.stack().allocations(), allocations + 1) << "it does not shrink";
}

TEST(Arena, HostArraysComeAndGoWithTheOthers) {
  Workspace workspace("test");
  const std::vector<int> numbers = {3, 1, 2};
  const int* before = nullptr;
  for (int round = 0; round < 2; ++round) {
    Scope scope(workspace);
    const std::span<int> array = workspace.host_array<int>(5);
    EXPECT_EQ(std::vector<int>(array.begin(), array.end()), std::vector<int>(5, 0));
    std::fill(array.begin(), array.end(), 7);
    if (before) {
      EXPECT_EQ(array.data(), before) << "the memory that the first round gave back";
    }
    before = array.data();
    const std::span<const double> copy = workspace.host_copy<double>(numbers);
    EXPECT_EQ(std::vector<double>(copy.begin(), copy.end()), (std::vector<double>{3, 1, 2}));
    const Vector<const int> uploaded = workspace.upload(numbers);
    EXPECT_EQ(to_host(uploaded), numbers);
    const std::span<int> downloaded = workspace.download(uploaded);
    EXPECT_EQ(std::vector<int>(downloaded.begin(), downloaded.end()), numbers);
  }
  workspace.settle(2);
  Scope scope(workspace);
  EXPECT_EQ(workspace.host_array<int>(0).size(), 0u);
}

TEST(Arena, ShapesOfTheTypedViews) {
  Workspace workspace("test");
  const Tensor3<float> t = workspace.tensor<float>(2, 3, 5);
  EXPECT_EQ(t.extent(0) * 100 + t.extent(1) * 10 + t.extent(2), 235u);
  EXPECT_EQ(channel_rows(t).extent(0), 6u);
  EXPECT_EQ(flat(t).size(), 30u);
  EXPECT_EQ(rows_of(t, 1, 2).data(), t.data() + 15);
  const Matrix<float> m = workspace.matrix<float>(4, 3);
  EXPECT_EQ(rows_of(m, 1, 3).data(), m.data() + 3);
  EXPECT_EQ(rows_of(m, 1, 3).extent(0), 2u);
  EXPECT_THROW(as_matrix<float>(m, 5, 3), Error);
  EXPECT_THROW(to_device(m, std::vector<float>(11)), Error);
  EXPECT_THROW(number_of(m), Error);
  const Vector<float> one = workspace.vector<float>(1);
  to_device(one, std::vector<float>{2.5});
  EXPECT_EQ(number_of(one), 2.5f);
}

}  // namespace
