// Ranks of partners and sums over pairs, against serial loops.
#include "kernels/ranking.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/philox.hpp"

namespace {

using namespace jespr;

struct Machine {
  Workspace saved{"saved"}, scratch{"scratch"};
  Products products;
  Context context{.saved = saved, .scratch = scratch, .products = products, .observed_prefix = {}};
};

/// `rows` points of length 1, drawn from `seed`; each stands `repeat` times in a row, for ties.
template <class T>
std::vector<T> points(int rows, int width, std::uint64_t seed, int repeat = 1) {
  std::vector<T> x;
  for (int i = 0; i < rows; ++i) {
    PhiloxStream stream(seed, "points", static_cast<std::uint64_t>(i / repeat));
    std::vector<double> row;
    double length = 0;
    for (int c = 0; c < width; ++c) {
      row.push_back(stream.number() - 0.5);
      length += row.back() * row.back();
    }
    for (const double value : row) x.push_back(static_cast<T>(value / std::sqrt(length)));
  }
  return x;
}

template <class T>
Matrix<T> upload(Machine& machine, const std::vector<T>& host, int width) {
  const auto columns = static_cast<std::size_t>(width);
  const Matrix<T> view = machine.saved.matrix<T>(host.size() / columns, columns);
  to_device(view, host);
  return view;
}

template <class T>
double dot(const std::vector<T>& x, int i, const std::vector<T>& y, int j, int width) {
  double sum = 0;
  for (int c = 0; c < width; ++c)
    sum += double(x[static_cast<std::size_t>(i * width + c)]) *
           double(y[static_cast<std::size_t>(j * width + c)]);
  return sum;
}

struct Counts {
  std::vector<int> higher, tied;
  bool operator==(const Counts&) const = default;
};

template <class T>
Counts naive_ranks(const std::vector<T>& x, const std::vector<T>& y, int width, int first) {
  const int n = static_cast<int>(x.size()) / width, m = static_cast<int>(y.size()) / width;
  Counts counts;
  for (int i = 0; i < n; ++i) {
    const double mine = dot(x, i, y, first + i, width);
    int higher = 0, tied = 0;
    for (int j = 0; j < m; ++j) {
      const double score = dot(x, i, y, j, width);
      if (j == first + i) continue;
      if (score > mine + kernels::tie_width)
        ++higher;
      else if (score >= mine - kernels::tie_width)
        ++tied;
    }
    counts.higher.push_back(higher);
    counts.tied.push_back(tied);
  }
  return counts;
}

template <class T>
Counts ranks(const std::vector<T>& x, const std::vector<T>& y, int width, int first) {
  Machine machine;
  const std::size_t n = x.size() / static_cast<std::size_t>(width);
  const Vector<int> higher = machine.saved.vector<int>(n), tied = machine.saved.vector<int>(n);
  kernels::rank_partners(machine.context, upload(machine, x, width), upload(machine, y, width),
                         first, higher, tied);
  return {to_host(higher), to_host(tied)};
}

template <class T>
class Ranking : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(Ranking, Reals);

TYPED_TEST(Ranking, AgreesWithASort) {
  struct Case {
    int queries, gallery, width, first;
  };
  for (const Case c : {Case{1, 1, 1, 0},
                       {1, 7, 3, 6},
                       {5, 5, 8, 0},
                       {191, 400, 33, 200},
                       {200, 1000, 16, 777},
                       {400, 400, 64, 0}}) {
    SCOPED_TRACE(c.gallery);
    const auto x = points<TypeParam>(c.queries, c.width, 1);
    const auto y = points<TypeParam>(c.gallery, c.width, 2);
    EXPECT_EQ(ranks(x, y, c.width, c.first), naive_ranks(x, y, c.width, c.first));
  }
}

TYPED_TEST(Ranking, EqualRowsTie) {
  const auto x = points<TypeParam>(300, 24, 1);
  const auto y = points<TypeParam>(900, 24, 2, 7);
  const Counts counts = ranks(x, y, 24, 0);
  EXPECT_EQ(counts, naive_ranks(x, y, 24, 0));
  for (const int tied : counts.tied) EXPECT_EQ(tied, 6);  // rows 0 to 299 are in whole groups of 7
}

TYPED_TEST(Ranking, AConstantEmbeddingTiesThroughout) {
  const int gallery = 1000;
  const auto x = points<TypeParam>(10, 48, 1);
  const auto y = points<TypeParam>(gallery, 48, 2, gallery);
  const Counts counts = ranks(x, y, 48, 500);
  EXPECT_EQ(counts.higher, std::vector<int>(10, 0));
  EXPECT_EQ(counts.tied, std::vector<int>(10, gallery - 1));
}

TYPED_TEST(Ranking, NotANumberIsNeverFound) {
  auto y = points<TypeParam>(50, 4, 2);
  const auto x = y;
  y[4 * 3] = std::numeric_limits<TypeParam>::quiet_NaN();
  const Counts counts = ranks(x, y, 4, 0);
  EXPECT_EQ(counts.higher[3], 49);
  EXPECT_EQ(counts.higher[0], 1);  // row 0 finds itself, but for the row that is not a number
}

TYPED_TEST(Ranking, LossesOfPartnersAgreeWithLoops) {
  const int n = 200, width = 12, first = 301, m = 900;
  const auto x = points<TypeParam>(n, width, 5);
  const auto y = points<TypeParam>(m, width, 6);
  Machine machine;
  const Vector<double> losses = machine.saved.vector<double>(n);
  for (const double scale : {1.0, 14.3, 100.0}) {
    kernels::partner_losses(machine.context, upload(machine, x, width), upload(machine, y, width),
                            first, scale, losses);
    const std::vector<double> found = to_host(losses);
    // An error e of a score is scale e of its exponent; m terms are added one by one below.
    const double bound = (2 * scale * (width + 2) + m) * std::ldexp(1.0, -53);
    for (int i = 0; i < n; ++i) {
      double sum = 0;
      for (int j = 0; j < m; ++j)
        sum += std::exp(scale * (dot(x, i, y, j, width) - dot(x, i, y, first + i, width)));
      EXPECT_NEAR(found[static_cast<std::size_t>(i)], std::log(sum), bound * (1 + std::log(sum)));
    }
  }
}

TYPED_TEST(Ranking, SumsOverPairsAgreeWithLoops) {
  const int n = 230, width = 20, first = 17, m = 800;
  const auto all = points<TypeParam>(m, width, 3);
  const std::vector<TypeParam> x(all.begin() + first * width, all.begin() + (first + n) * width);
  const auto y = points<TypeParam>(n, width, 4);
  Machine machine;
  const Vector<double> sums = machine.saved.vector<double>(n);
  const Vector<double> distances = machine.saved.vector<double>(n);
  kernels::gaussian_potentials(machine.context, upload(machine, x, width),
                               upload(machine, all, width), first, sums);
  kernels::squared_distances(upload(machine, x, width), upload(machine, y, width), distances);
  const auto squared = [&](const std::vector<TypeParam>& a, int i, const std::vector<TypeParam>& b,
                           int j) {
    return dot(a, i, a, i, width) + dot(b, j, b, j, width) - 2 * dot(a, i, b, j, width);
  };
  // Rows are of length 1 to the rounding of their type, and the kernel takes that for granted; the
  // loop below adds m terms one by one.
  const double bound = 8 * std::numeric_limits<TypeParam>::epsilon() + m * std::ldexp(1.0, -53);
  for (int i = 0; i < n; ++i) {
    double expected = 0;
    for (int j = 0; j < m; ++j)
      if (j != first + i) expected += std::exp(-2 * squared(x, i, all, j));
    EXPECT_NEAR(to_host(sums)[static_cast<std::size_t>(i)], expected, bound * expected);
    EXPECT_NEAR(to_host(distances)[static_cast<std::size_t>(i)], squared(x, i, y, i), 1e-14);
  }
}

}  // namespace
