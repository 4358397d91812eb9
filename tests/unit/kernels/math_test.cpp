// Elementary functions: error in units in the last place over their range, and at its ends.
#include "kernels/math.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "support/arrays.hpp"
#include "support/bench.hpp"

namespace {

using namespace jespr;
using namespace jespr::kernels;

/// Distance to the next number of T at |x|.
template <class T>
double spacing(long double x) {
  const T size = std::max(static_cast<T>(std::abs(x)), std::numeric_limits<T>::min());
  return static_cast<double>(std::nextafter(size, std::numeric_limits<T>::infinity()) - size);
}

/// Largest error of `f` against `exact` on a grid over [low, high], in units of `unit(x, f(x))`.
template <class T, class F, class Exact, class Unit>
double worst(T low, T high, const F& f, const Exact& exact, const Unit& unit) {
  constexpr int points = 400000;
  double largest = 0;
  for (int i = 0; i <= points; ++i) {
    const T x = low + (high - low) * static_cast<T>(i) / static_cast<T>(points);
    const long double expected = exact(static_cast<long double>(x));
    const double error = static_cast<double>(std::abs(static_cast<long double>(f(x)) - expected));
    largest = std::max(largest, error / unit(x, expected));
  }
  return largest;
}

template <class T>
void check_functions() {
  const auto ulp = [](T, long double value) { return spacing<T>(value); };
  // Where terms of size 1 cancel, the error is absolute: in units of the spacing at max(1, |x|).
  const auto absolute = [](T x, long double) { return spacing<T>(std::max(T(1), std::abs(x))); };
  const T lowest = std::is_same_v<T, float> ? T(-87.3) : T(-700), highest = -lowest;
  constexpr long double inverse_sqrt2 = 0.707106781186547524400844362104849039L;
  constexpr long double inverse_sqrt_2pi = 0.398942280401432677939946059934381868L;
  // These are inlined wherever they are called, so none of them can be handed on by its address.
  const auto exponential_of = [](T x) { return exponential(x); };
  const auto exponential_of_negative_of = [](T x) { return exponential_of_negative(x); };
  const auto error_function_of = [](T x) { return error_function(x); };
  const auto sigmoid_of = [](T x) { return sigmoid(x); };
  const auto gelu_of = [](T x) { return gelu(x); };
  const auto gelu_derivative_of = [](T x) { return gelu_derivative(x); };
  const auto distribution = [&](long double x) { return 0.5L * std::erfc(-x * inverse_sqrt2); };

  EXPECT_LE(worst(
                lowest, highest, exponential_of, [](long double x) { return std::exp(x); }, ulp),
            2);
  EXPECT_LE(worst(
                T(-1), T(1), exponential_of, [](long double x) { return std::exp(x); }, ulp),
            2);
  EXPECT_LE(
      worst(
          lowest, T(1), exponential_of_negative_of, [](long double x) { return std::exp(x); }, ulp),
      2);
  EXPECT_LE(worst(
                T(-6), T(6), error_function_of, [](long double x) { return std::erf(x); }, ulp),
            2);
  EXPECT_LE(
      worst(
          lowest, highest, sigmoid_of, [](long double x) { return 1 / (1 + std::exp(-x)); }, ulp),
      4);
  EXPECT_LE(
      worst(
          T(-12), T(12), gelu_of, [&](long double x) { return x * distribution(x); }, absolute),
      2);
  EXPECT_LE(worst(
                T(-12), T(12), gelu_derivative_of,
                [&](long double x) {
                  return distribution(x) + x * inverse_sqrt_2pi * std::exp(-0.5L * x * x);
                },
                absolute),
            2);
}

TEST(Math, ErrorsInUnitsInTheLastPlace) {
  check_functions<float>();
  check_functions<double>();
}

template <class T>
void check_ends() {
  constexpr T infinite = std::numeric_limits<T>::infinity();
  const T not_a_number = std::numeric_limits<T>::quiet_NaN();
  EXPECT_EQ(exponential(-infinite), T(0));
  EXPECT_EQ(exponential(infinite), infinite);
  EXPECT_EQ(exponential(T(0)), T(1));
  EXPECT_EQ(exponential(T(1000)), infinite);
  EXPECT_EQ(exponential(T(-1000)), T(0));
  EXPECT_EQ(exponential_of_negative(-infinite), T(0));
  EXPECT_EQ(exponential_of_negative(T(-1000)), T(0));
  EXPECT_EQ(exponential_of_negative(T(0)), T(1));
  EXPECT_EQ(error_function(infinite), T(1));
  EXPECT_EQ(error_function(-infinite), T(-1));
  EXPECT_EQ(error_function(T(0)), T(0));
  EXPECT_EQ(sigmoid(T(0)), T(0.5));
  EXPECT_EQ(sigmoid(T(1000)), T(1));
  EXPECT_EQ(sigmoid(T(-1000)), T(0));
  EXPECT_EQ(gelu(T(-100)), T(0));
  EXPECT_EQ(gelu(T(100)), T(100));
  // A not-a-number must stay one: the non-finite loss is found by it.
  EXPECT_TRUE(std::isnan(exponential(not_a_number)));
  EXPECT_TRUE(std::isnan(exponential_of_negative(not_a_number)));
  EXPECT_TRUE(std::isnan(error_function(not_a_number)));
  EXPECT_TRUE(std::isnan(sigmoid(not_a_number)));
  EXPECT_TRUE(std::isnan(gelu(not_a_number)));
}

TEST(Math, EndsOfTheRange) {
  check_ends<float>();
  check_ends<double>();
}

}  // namespace
