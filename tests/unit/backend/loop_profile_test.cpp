// LoopProfile counts the loops that run while it exists, by their names.
#include "backend/loop_profile.hpp"

#include <gtest/gtest.h>

#include "kernels/adam.hpp"
#include "support/arrays.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

TEST(LoopProfile, CountsLoopsAndCopiesByName) {
  const Guarded<double> x(random_numbers(100, 1)), y(random_numbers(100, 2));
  kernels::add_to(x.vector(), y.vector());  // before it: does not count
  const LoopProfile profile;
  EXPECT_TRUE(profile.entries().empty());
  for (int i = 0; i < 3; ++i) kernels::add_to(x.vector(), y.vector());
  kernels::clamp_above(x.vector(), 0.5);
  Kokkos::deep_copy(x.vector(), 1.0);
  const auto& entries = profile.entries();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries.at("add").calls, 3);
  EXPECT_EQ(entries.at("clamp").calls, 1);
  EXPECT_EQ(entries.at("copy or fill").calls, 1);
  for (const auto& [name, entry] : entries) EXPECT_GT(entry.seconds, 0) << name;
}

}  // namespace
