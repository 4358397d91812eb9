// Parameter store: layout, joined parameters, initial values, freezing.
#include "tensor/store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace {

using namespace jespr;

using Store = ParameterStore<F64>;

void fill(Store& store, bool reversed) {
  std::vector<int> order = {0, 1, 2};
  if (reversed) std::reverse(order.begin(), order.end());
  for (const int i : order) store.add("p" + std::to_string(i), {5, 3 + i}, Init::normal(0.5));
  store.freeze();
}

TEST(Store, LaysParametersOutInOneBuffer) {
  Store store;
  store.add("matrix", {5, 3}, Init::constant(1));
  store.set_part(Part::structure);
  store.add("vector", {7}, Init::constant(2));
  store.add("scalar", {}, Init::constant(3));
  store.freeze();
  store.initialize(0);
  EXPECT_EQ(store.count(), 15u + 7u + 1u);
  EXPECT_EQ(store.size() % 64, 0u);
  std::size_t end = 0;
  double sum = 0;
  for (const auto& p : store.parameters()) {
    EXPECT_GE(p.offset, end);
    EXPECT_EQ(p.offset % 64, 0u);
    EXPECT_EQ(p.value.data(), store.values().data() + p.offset);
    EXPECT_EQ(p.gradient.data(), store.gradients().data() + p.offset);
    end = p.offset + p.size;
  }
  EXPECT_GE(store.size(), end);
  for (double value : to_host(store.values())) sum += value;
  EXPECT_EQ(sum, 15 * 1 + 7 * 2 + 3) << "padding is zero";
  EXPECT_EQ(store.find("matrix")->part, Part::sequence);
  EXPECT_EQ(store.find("vector")->part, Part::structure);
  EXPECT_TRUE(store.find("matrix")->is_matrix());
  EXPECT_EQ(store.find("none"), nullptr);
  EXPECT_THROW(store.add("vector", {7}, Init::constant(2)), Error);
}

TEST(Store, JoinedParametersAreOneMatrix) {
  Store store;
  auto& first = store.add("q", {3, 3}, Init::constant(1));
  store.add("k", {3, 3}, Init::constant(2), true);
  store.add("v", {3, 3}, Init::constant(3), true);
  store.add("w", {3, 3}, Init::constant(4));
  store.freeze();
  store.initialize(0);
  const Weight<F64> weight(first, 3);
  std::vector<double> expected;
  for (const double value : {1.0, 2.0, 3.0}) expected.insert(expected.end(), 9, value);
  EXPECT_EQ(weight.rows, 9);
  EXPECT_EQ(to_host(weight.value()), expected);
  weight.freeze();
  for (const auto& p : store.parameters()) EXPECT_EQ(p.trainable, p.name == "w") << p.name;
}

TEST(Store, InitialValuesAreAFunctionOfSeedNameAndElement) {
  Store a, b, c;
  fill(a, false);
  fill(b, true);
  fill(c, false);
  a.initialize(3);
  b.initialize(3);
  c.initialize(4);
  for (const std::string name : {"p0", "p1", "p2"}) {
    EXPECT_EQ(to_host(a.find(name)->value), to_host(b.find(name)->value));
    EXPECT_NE(to_host(a.find(name)->value), to_host(c.find(name)->value));
  }
  EXPECT_EQ(a.version(), 1u);
  ParameterStore<F32> single;
  for (int i = 0; i < 3; ++i) single.add("p" + std::to_string(i), {5, 3 + i}, Init::normal(0.5));
  single.freeze();
  single.initialize(3);
  const auto rounded = to_host(single.find("p1")->value);
  EXPECT_EQ(to_host(a.find("p1")->value), std::vector<double>(rounded.begin(), rounded.end()));
}

/// Mean and mean square within 5 standard deviations of their estimators.
TEST(Store, MomentsOfTheInitialValues) {
  constexpr int side = 300;
  constexpr double n = side * side;
  Store store;
  store.add("normal", {side, side}, Init::normal(0.5));
  store.add("uniform", {side, side}, Init::uniform(2));
  store.freeze();
  store.initialize(1);
  const auto moments = [&](const char* name) {
    double sum = 0, squares = 0, largest = 0;
    for (double value : to_host(store.find(name)->value)) {
      sum += value / n;
      squares += value * value / n;
      largest = std::max(largest, std::abs(value));
    }
    return std::array{sum, squares, largest};
  };
  const auto [mean, square, largest] = moments("normal");
  EXPECT_NEAR(mean, 0, 5 * 0.5 / std::sqrt(n));
  EXPECT_NEAR(square, 0.25, 5 * 0.25 * std::sqrt(2 / n));
  EXPECT_LT(largest, 0.5 * 7);
  const auto [mean2, square2, largest2] = moments("uniform");
  EXPECT_NEAR(mean2, 0, 5 * 2 / std::sqrt(3 * n));
  EXPECT_NEAR(square2, 4.0 / 3, 5 * 4 * std::sqrt(4.0 / 45 / n));
  EXPECT_LE(largest2, 2);
}

TEST(Store, ZeroesGradients) {
  Store store;
  fill(store, false);
  Kokkos::deep_copy(store.gradients(), 1.0);
  store.zero_gradients();
  EXPECT_EQ(to_host(store.gradients()), std::vector<double>(store.size(), 0));
}

}  // namespace
