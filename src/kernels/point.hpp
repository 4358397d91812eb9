// Points and vectors of space, in f64: what the geometry kernels compute with. Lengths in Angstrom.
#pragma once

#include <Kokkos_Core.hpp>

namespace jespr::kernels {

struct Point {
  double x = 0, y = 0, z = 0;
};

KOKKOS_INLINE_FUNCTION Point operator+(Point a, Point b) {
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}
KOKKOS_INLINE_FUNCTION Point operator-(Point a, Point b) {
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}
KOKKOS_INLINE_FUNCTION Point operator*(double factor, Point a) {
  return {factor * a.x, factor * a.y, factor * a.z};
}

/// a . b. Written with explicit fused operations, so that every kernel rounds alike.
KOKKOS_INLINE_FUNCTION double dot(Point a, Point b) {
  return Kokkos::fma(a.x, b.x, Kokkos::fma(a.y, b.y, a.z * b.z));
}

/// a b - c d without cancellation, exactly 0 when the products are equal (Kahan; Jeannerod,
/// Louvet & Muller 2013, doi:10.1090/S0025-5718-2013-02679-8).
KOKKOS_INLINE_FUNCTION double difference_of_products(double a, double b, double c, double d) {
  const double cd = c * d;
  const double error = Kokkos::fma(-c, d, cd);
  return Kokkos::fma(a, b, -cd) + error;
}

/// a x b; exactly 0 for vectors that are equal or opposite.
KOKKOS_INLINE_FUNCTION Point cross(Point a, Point b) {
  return {difference_of_products(a.y, b.z, a.z, b.y), difference_of_products(a.z, b.x, a.x, b.z),
          difference_of_products(a.x, b.y, a.y, b.x)};
}

inline constexpr double length_eps = 1e-8;  // Angstrom^2, under the root of every softened length

/// sqrt(|a|^2 + eps): the distance of the reference.
KOKKOS_INLINE_FUNCTION double soft_length(Point a) { return Kokkos::sqrt(dot(a, a) + length_eps); }

/// a / sqrt(|a|^2 + eps): 0 for the zero vector.
KOKKOS_INLINE_FUNCTION Point soft_unit(Point a) { return (1.0 / soft_length(a)) * a; }

/// a / max(|a|, 1e-12): what torch.nn.functional.normalize computes.
KOKKOS_INLINE_FUNCTION Point hard_unit(Point a) {
  constexpr double shortest = 1e-12;
  const double length = Kokkos::sqrt(dot(a, a));
  return (1.0 / (length > shortest ? length : shortest)) * a;
}

}  // namespace jespr::kernels
