// Pinning: who is pinned where, and who is left alone.
#include "backend/pinning.hpp"

#include <gtest/gtest.h>

namespace {

using namespace jespr;
using Cores = std::vector<int>;

TEST(Pinning, OneRankWithAThreadForEachCore) {
  EXPECT_EQ(cores_of_threads({{"a", {2, 3, 7}, 3}}, 0), Cores({2, 3, 7}));
}

TEST(Pinning, RanksWithTheSameCoresShareThemOut) {
  const std::vector<RankPlace> places = {
      {"a", {0, 1, 2, 3}, 1}, {"b", {0, 1}, 2}, {"a", {0, 1, 2, 3}, 3}};
  EXPECT_EQ(cores_of_threads(places, 0), Cores({0}));
  EXPECT_EQ(cores_of_threads(places, 1), Cores({0, 1}));
  EXPECT_EQ(cores_of_threads(places, 2), Cores({1, 2, 3}));
}

TEST(Pinning, RanksBoundByTheLauncherKeepTheirOwn) {
  const std::vector<RankPlace> places = {{"a", {0, 1}, 2}, {"a", {2, 3}, 2}};
  EXPECT_EQ(cores_of_threads(places, 1), Cores({2, 3}));
}

TEST(Pinning, OthersMayBeAtWorkWhereThreadsDoNotFillTheCores) {
  EXPECT_EQ(cores_of_threads({{"a", {0, 1, 2, 3}, 2}}, 0), Cores());
}

TEST(Pinning, TooManyThreadsTakeTurns) {
  EXPECT_EQ(cores_of_threads({{"a", {0, 1}, 4}}, 0), Cores());
  EXPECT_EQ(cores_of_threads({{"a", {0, 1}, 2}, {"a", {0, 1}, 2}}, 1), Cores());
}

TEST(Pinning, PartlySharedCoresAreLeftAlone) {
  EXPECT_EQ(cores_of_threads({{"a", {0, 1}, 2}, {"a", {1, 2}, 2}}, 0), Cores());
}

}  // namespace
