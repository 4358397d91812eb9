// Arrays for tests.
#include "support/arrays.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/philox.hpp"

namespace jespr::test {

std::vector<double> random_numbers(std::size_t n, std::uint64_t seed, double scale) {
  PhiloxStream stream(seed, "test numbers");
  std::vector<double> values(n);
  for (double& value : values)
    value = static_cast<double>(static_cast<float>(scale * (2 * stream.number() - 1)));
  return values;
}

template <class T>
Guarded<T>::Guarded(std::size_t n)
    : Guarded(std::vector<double>(n, std::numeric_limits<double>::quiet_NaN())) {}

template <class T>
Guarded<T>::Guarded(const std::vector<double>& values)
    : memory_("guarded", values.size() + 2 * margin), size_(values.size()) {
  Kokkos::deep_copy(memory_, static_cast<T>(sentinel));
  set(values);
}

template <class T>
Guarded<T>::~Guarded() {
  std::vector<T> all = to_host(memory_);
  const auto untouched = [](T value) { return value == static_cast<T>(sentinel); };
  EXPECT_TRUE(std::all_of(all.begin(), all.begin() + margin, untouched))
      << "written before the start of an array of " << size_;
  EXPECT_TRUE(std::all_of(all.end() - margin, all.end(), untouched))
      << "written behind the end of an array of " << size_;
}

template class Guarded<float>;
template class Guarded<double>;

double max_abs(const std::vector<double>& values) {
  double largest = 0;
  for (double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

double max_difference(const std::vector<double>& found, const std::vector<double>& expected) {
  if (found.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double difference = std::abs(found[i] - expected[i]);
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, difference);
  }
  return largest;
}

void expect_close(const std::vector<double>& found, const std::vector<double>& expected,
                  double tolerance, const std::string& what) {
  ASSERT_EQ(found.size(), expected.size()) << what;
  EXPECT_LE(max_difference(found, expected), tolerance * max_abs(expected)) << what;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace jespr::test
