// Loops: every index once, sums of any length in a fixed order.
#include "tensor/loops.hpp"

#include <gtest/gtest.h>

#include "support/arrays.hpp"
#include "tensor/offsets.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

void count_elements(Vector<double> v) {
  for_each(
      "count", v.size(), KOKKOS_LAMBDA(const std::size_t i) { v(i) += 1; });
}

void count_rows(Matrix<double> m, bool dynamic) {
  const int columns = static_cast<int>(m.extent(1));
  for_rows(
      "count rows", static_cast<int>(m.extent(0)),
      KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        row.for_each(columns, [&](int c) { m(i, c) += 1; });
      },
      dynamic);
}

/// sums(i) = sum_c m(i, c); largest(i) likewise; calls(i) counts `once`.
void reduce_rows(Matrix<double> m, Vector<double> sums, Vector<double> largest,
                 Vector<double> calls) {
  const int columns = static_cast<int>(m.extent(1));
  for_rows(
      "reduce rows", static_cast<int>(m.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const double sum = row.sum<double>(columns, [&](int c) { return m(i, c); });
        const double most = row.max<double>(columns, [&](int c) { return m(i, c); });
        row.once([&]() {
          sums(i) = sum;
          largest(i) = most;
          calls(i) += 1;
        });
      });
}

TEST(Loops, EveryElementOnce) {
  for (const std::size_t n : {0, 1, 2, 31, 1000}) {
    const Guarded<double> v(std::vector<double>(n, 0));
    count_elements(v.vector());
    EXPECT_EQ(v.host(), std::vector<double>(n, 1));
  }
  for (const bool dynamic : {false, true})
    for (const auto& [n, columns] : {std::pair{0, 3}, {1, 1}, {5, 33}, {100, 0}}) {
      const auto size = static_cast<std::size_t>(n * columns);
      const Guarded<double> m(std::vector<double>(size, 0));
      count_rows(m.matrix(static_cast<std::size_t>(n), static_cast<std::size_t>(columns)), dynamic);
      EXPECT_EQ(m.host(), std::vector<double>(size, 1));
    }
}

TEST(Loops, RowSumsAndMaxima) {
  for (const std::size_t columns : {1, 2, 15, 16, 17, 33, 1000}) {
    constexpr std::size_t n = 7;
    const Guarded<double> m(random_numbers(n * columns, columns)), sums(n), largest(n),
        calls(std::vector<double>(n, 0));
    const std::vector<double> host = m.host();
    reduce_rows(m.matrix(n, columns), sums.vector(), largest.vector(), calls.vector());
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 0, most = host[i * columns];
      for (std::size_t c = 0; c < columns; ++c) {
        sum += host[i * columns + c];
        most = std::max(most, host[i * columns + c]);
      }
      EXPECT_NEAR(sums.host()[i], sum, rounding<double>(static_cast<double>(columns)));
      EXPECT_EQ(largest.host()[i], most);
      EXPECT_EQ(calls.host()[i], 1);
    }
  }
}

/// The bits of a sum depend on its terms alone, not on the row it is in.
TEST(Loops, SumsHaveAFixedOrder) {
  constexpr std::size_t columns = 77, n = 50;
  const std::vector<double> row = random_numbers(columns, 1);
  std::vector<double> all;
  for (std::size_t i = 0; i < n; ++i) all.insert(all.end(), row.begin(), row.end());
  const Guarded<double> m(all), sums(n), largest(n), calls(std::vector<double>(n, 0));
  reduce_rows(m.matrix(n, columns), sums.vector(), largest.vector(), calls.vector());
  EXPECT_EQ(sums.host(), std::vector<double>(n, sums.host()[0]));
}

TEST(Loops, FillAndCopy) {
  const std::vector<double> numbers = random_numbers(15, 1);
  const Guarded<double> x(numbers), y(15);
  copy(y.matrix(5, 3), x.matrix(5, 3));
  EXPECT_EQ(y.host(), numbers);
  EXPECT_THROW(copy(y.matrix(3, 5), x.matrix(5, 3)), Error);
  fill(y.matrix(5, 3), 2.0);
  EXPECT_EQ(y.host(), std::vector<double>(15, 2.0));
}

TEST(Loops, NamesKeepTheirMemory) {
  const char* const place = loop_name("short").data();
  EXPECT_EQ(loop_name("a name that is longer than what fits into a string itself"),
            "a name that is longer than what fits into a string itself");
  EXPECT_EQ(loop_name("other"), "other");
  EXPECT_EQ(loop_name("other").data(), place);
}

TEST(Offsets, OfPackedProteins) {
  Workspace workspace("test");
  const Offsets offsets = make_offsets(workspace, {2, 5, 1}, {9, 7, 8});
  EXPECT_EQ(offsets.proteins(), 3);
  EXPECT_EQ(offsets.rows(), 8);
  EXPECT_EQ(offsets.longest, 5);
  EXPECT_EQ(to_host(offsets.starts), (std::vector<int>{0, 2, 7, 8}));
  EXPECT_EQ(to_host(offsets.protein), (std::vector<int>{0, 0, 1, 1, 1, 1, 1, 2}));
  EXPECT_EQ(to_host(offsets.identity), (std::vector<int>{9, 7, 8}));
  EXPECT_EQ(to_host(make_offsets(workspace, {1, 1}).identity), (std::vector<int>{0, 1}));
}

}  // namespace
