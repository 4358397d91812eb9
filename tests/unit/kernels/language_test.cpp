// Predicting tokens: rows gathered and scattered, cross entropy and its gradient.
#include "kernels/language.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

constexpr std::size_t count = 4, classes = 33;
const std::vector<int> targets = {0, 32, 7, 7};

Vector<const int> upload(Bench& bench, const std::vector<int>& values) {
  return bench.inputs.upload(values);
}

template <class T>
void check_rows() {
  Bench bench;
  const std::vector<int> rows = {4, 0, 3};
  const std::size_t columns = 5;
  const Numbers x = random_numbers(6 * columns, 1), dy = random_numbers(3 * columns, 2);
  Numbers gathered, scattered(6 * columns, 0.5);
  for (std::size_t m = 0; m < rows.size(); ++m)
    for (std::size_t c = 0; c < columns; ++c) {
      const std::size_t place = static_cast<std::size_t>(rows[m]) * columns + c;
      gathered.push_back(x[place]);
      scattered[place] += dy[m * columns + c];
    }
  const Guarded<T> device_x(x), device_dy(dy), y(3 * columns), dx(Numbers(6 * columns, 0.5));
  kernels::gather_rows(device_x.matrix(6, columns), upload(bench, rows), y.matrix(3, columns));
  kernels::scatter_rows(device_dy.matrix(3, columns), upload(bench, rows), dx.matrix(6, columns));
  EXPECT_EQ(y.host(), gathered);
  expect_close(dx.host(), scattered, rounding<T>(1), "scattered");
  kernels::multiply(y.matrix(3, columns), T(0.5));
  for (double& value : gathered) value *= 0.5;
  EXPECT_EQ(y.host(), gathered);
}

TEST(Language, RowsAreGatheredAndScattered) {
  check_rows<float>();
  check_rows<double>();
}

double loss_of(const Numbers& scores, const Numbers& bias, std::size_t m) {
  double sum = 0;
  for (std::size_t a = 0; a < classes; ++a) sum += std::exp(scores[m * classes + a] + bias[a]);
  const auto own = static_cast<std::size_t>(targets[m]);
  return std::log(sum) - scores[m * classes + own] - bias[own];
}

template <class T>
void check_cross_entropy() {
  Bench bench;
  Numbers scores = random_numbers(count * classes, 3, 4);
  const Numbers bias = random_numbers(classes, 4);
  scores[classes + 32] = 9;  // the second row knows its target
  Numbers losses, gradient;
  for (std::size_t m = 0; m < count; ++m) {
    losses.push_back(loss_of(scores, bias, m));
    for (std::size_t a = 0; a < classes; ++a) {
      const bool own = a == static_cast<std::size_t>(targets[m]);
      const double share = std::exp(scores[m * classes + a] + bias[a] - losses[m] -
                                    scores[m * classes + static_cast<std::size_t>(targets[m])] -
                                    bias[static_cast<std::size_t>(targets[m])]);
      gradient.push_back(own ? share - 1 : share);
    }
  }
  const Guarded<T> found(scores), device_bias(bias);
  const Guarded<double> found_losses(count), right(count);
  kernels::cross_entropy(found.matrix(count, classes), device_bias.vector(), upload(bench, targets),
                         found_losses.vector(), right.vector());
  expect_close(found_losses.host(), losses, rounding<T>(classes), "losses");
  expect_close(found.host(), gradient, rounding<T>(classes), "gradient of the logits");
  EXPECT_EQ(right.host()[1], 1);
  EXPECT_LT(right.host()[0] + right.host()[2] + right.host()[3], 3);
  if (!std::is_same_v<T, double>) return;
  expect_gradient(
      "sum of losses",
      [&](const Numbers& s) {
        double sum = 0;
        for (std::size_t m = 0; m < count; ++m) sum += loss_of(s, bias, m);
        return sum;
      },
      scores, found.host());
}

TEST(Language, CrossEntropy) {
  check_cross_entropy<float>();
  check_cross_entropy<double>();
}

/// Rows without a target: nothing of them is learnt, and the others do not notice.
template <class T>
void check_unknown_targets() {
  Bench bench;
  const Numbers scores = random_numbers(count * classes, 5, 4);
  const Guarded<T> bias(random_numbers(classes, 6));
  const auto run = [&](const std::vector<int>& wanted) {
    const Guarded<T> found(scores);
    const Guarded<double> losses(count), right(count);
    kernels::cross_entropy(found.matrix(count, classes), bias.vector(), upload(bench, wanted),
                           losses.vector(), right.vector());
    return std::vector<Numbers>{found.host(), losses.host(), right.host()};
  };
  auto all = run(targets);
  const auto some = run({targets[0], -1, targets[2], -1});
  for (const std::size_t m : {std::size_t(1), std::size_t(3)}) {
    std::fill_n(all[0].begin() + static_cast<std::ptrdiff_t>(m * classes), classes, 0);
    all[1][m] = all[2][m] = 0;
  }
  EXPECT_EQ(some, all);
}

TEST(Language, RowsWithoutATargetTeachNothing) {
  check_unknown_targets<float>();
  check_unknown_targets<double>();
}

}  // namespace
