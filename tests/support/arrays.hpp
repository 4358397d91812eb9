// Arrays for tests: random numbers, device arrays between sentinels, comparison with a tolerance
// that is derived from the arithmetic.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tensor/views.hpp"

namespace jespr::test {

/// n numbers, uniform on (-scale, scale) and exact in f32; a function of seed and index alone.
std::vector<double> random_numbers(std::size_t n, std::uint64_t seed, double scale = 1);

template <class T>
std::vector<T> converted(const std::vector<double>& values) {
  return std::vector<T>(values.begin(), values.end());
}

/// A device array with sentinels on both sides. New elements are NaN, so that one which a kernel
/// forgets to write shows; the destructor fails the test when a sentinel was overwritten.
template <class T>
class Guarded {
 public:
  explicit Guarded(std::size_t n);
  explicit Guarded(const std::vector<double>& values);
  ~Guarded();
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  Vector<T> vector() const { return Vector<T>(memory_.data() + margin, size_); }
  Matrix<T> matrix(std::size_t rows, std::size_t columns) const {
    return as_matrix<T>(vector(), rows, columns);
  }
  void set(const std::vector<double>& values) { to_device(vector(), converted<T>(values)); }
  std::vector<double> host() const {
    const std::vector<T> values = to_host(vector());
    return std::vector<double>(values.begin(), values.end());
  }

 private:
  static constexpr std::size_t margin = 64;
  static constexpr double sentinel = 12345.0;
  Kokkos::View<T*, DeviceMemory> memory_;
  std::size_t size_;
};

/// Unit roundoff of T.
template <class T>
constexpr double roundoff = 0.5 * static_cast<double>(std::numeric_limits<T>::epsilon());

/// Error of a sum of n rounded terms, relative to their size: c u sqrt(n), the rounding errors
/// taken as independent (Higham & Mary 2019, doi:10.1137/18M1226312).
template <class T>
double rounding(double n, double c = 8) {
  return c * roundoff<T> * std::sqrt(n);
}

double max_abs(const std::vector<double>& values);

/// Largest |found - expected|, infinite when one is not a number or the lengths differ.
double max_difference(const std::vector<double>& found, const std::vector<double>& expected);

/// max |found - expected| <= tolerance * max |expected|.
void expect_close(const std::vector<double>& found, const std::vector<double>& expected,
                  double tolerance, const std::string& what);

/// sum_i a_i b_i: the scalar that a gradient test differentiates.
double dot(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace jespr::test
