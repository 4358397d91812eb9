// Simd: what is made of all lanes of a vector.
#include "backend/simd.hpp"

#include <gtest/gtest.h>

namespace {

using namespace jespr;

template <class T>
void check_lanes() {
  constexpr int lanes = simd_lanes<T>;
  T x[lanes];
  for (int largest = 0; largest < lanes; ++largest) {
    T sum = 0;
    for (int i = 0; i < lanes; ++i) {
      x[i] = static_cast<T>(i == largest ? 100 : -1 - i);
      sum += x[i];
    }
    EXPECT_EQ(max_of_lanes<T>(load(x)), 100);
    EXPECT_EQ(sum_of_lanes<T>(load(x)), sum);  // integers: exact in any order
  }
}

TEST(Simd, SumAndMaximumOfLanes) {
  check_lanes<float>();
  check_lanes<double>();
}

}  // namespace
