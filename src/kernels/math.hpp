// Elementary functions inside kernels. In f32 on a CPU they are branch-free polynomials that the
// compiler vectorises (the C library's are calls); elsewhere the library's own.
#pragma once

#include <Kokkos_Core.hpp>
#include <bit>
#include <cstdint>

namespace jespr::kernels {

/// e^x. f32 on the host: x = n ln2 + r, |r| <= ln2 / 2, Taylor polynomial of degree 7 (truncation
/// 4e-9), scaled by 2^n; error <= 2 ulp; 0 below the smallest normal number, inf above the largest.
template <class T>
KOKKOS_FORCEINLINE_FUNCTION T exponential(T x) {
  return Kokkos::exp(x);
}

namespace detail {
/// e^x = p 2^n with n in the lowest bits of `shifted`, for |x| < 2^20.
struct HostExponential {
  static constexpr float shifter = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  float shifted, p;
};
inline HostExponential reduced_exponential(float x) {
  constexpr float log2_e = 1.44269504088896341f;
  constexpr float ln2_high = 0.693145751953125f, ln2_low = 1.42860682030941723e-6f;
  const float shifted = x * log2_e + HostExponential::shifter;
  const float n = shifted - HostExponential::shifter;
  const float r = (x - n * ln2_high) - n * ln2_low;
  float p = 1.0f / 5040.0f;
  p = p * r + 1.0f / 720.0f;
  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return {shifted, p};
}
inline float host_exponential(float x) {
  constexpr float lowest = -87.33654f, highest = 88.72283f;
  const float bounded = x < lowest ? lowest : (x > highest ? highest : x);
  const auto [shifted, p] = reduced_exponential(bounded);
  // 2^n in two factors, so that n = 128 and n = -126 both stay in range.
  const std::int32_t whole = static_cast<std::int32_t>(shifted - HostExponential::shifter);
  const std::int32_t half = whole / 2;
  const float scale1 = std::bit_cast<float>((half + 127) << 23);
  const float scale2 = std::bit_cast<float>((whole - half + 127) << 23);
  const float value = p * scale1 * scale2;
  return x < lowest ? 0.0f : (x > highest ? __builtin_inff() : value);
}
inline float host_exponential_of_negative(float x) {
  constexpr float lowest = -87.33654f;  // n >= -126: one factor 2^n will do
  const auto [shifted, p] = reduced_exponential(x < lowest ? lowest : x);
  const std::uint32_t n = std::bit_cast<std::uint32_t>(shifted);
  const float value = p * std::bit_cast<float>((n + 127u) << 23);
  return x < lowest ? 0.0f : value;
}
}  // namespace detail

template <>
KOKKOS_FORCEINLINE_FUNCTION float exponential<float>(float x) {
  KOKKOS_IF_ON_HOST((return detail::host_exponential(x);))
  KOKKOS_IF_ON_DEVICE((return Kokkos::exp(x);))
}

/// e^x for x <= 1, with half the operations on CPUs in f32; may be 0 below -86.6, where e^x <
/// 3e-38.
template <class T>
KOKKOS_FORCEINLINE_FUNCTION T exponential_of_negative(T x) {
  return Kokkos::exp(x);
}
template <>
KOKKOS_FORCEINLINE_FUNCTION float exponential_of_negative<float>(float x) {
  KOKKOS_IF_ON_HOST((return detail::host_exponential_of_negative(x);))
  KOKKOS_IF_ON_DEVICE((return Kokkos::exp(x);))
}

/// erf(x) = 2/sqrt(pi) int_0^x e^(-t^2) dt. f32 on the host: minimax polynomials of N. Juffa in two
/// ranges, both evaluated, one chosen; error <= 2 ulp.
template <class T>
KOKKOS_FORCEINLINE_FUNCTION T error_function(T x) {
  return Kokkos::erf(x);
}

namespace detail {
inline float host_error_function(float x) {
  const float t = x < 0 ? -x : x;
  const float s = x * x;
  float r = -1.72853470e-5f * t + 3.83197126e-4f;
  const float u = -3.88396438e-3f * t + 2.42546219e-2f;
  r = r * s + u;
  r = r * t - 1.06777877e-1f;
  r = r * t - 6.34846687e-1f;
  r = r * t - 1.28717512e-1f;
  r = r * t - t;
  const float tail = 1.0f - host_exponential_of_negative(r);
  float p = -5.96761703e-4f;
  p = p * s + 4.99119423e-3f;
  p = p * s - 2.67681349e-2f;
  p = p * s + 1.12819925e-1f;
  p = p * s - 3.76125336e-1f;
  p = p * s + 1.28379166e-1f;
  const float centre = p * x + x;
  constexpr float border = 0.927734375f;
  return t > border ? (x < 0 ? -tail : tail) : centre;
}
}  // namespace detail

template <>
KOKKOS_FORCEINLINE_FUNCTION float error_function<float>(float x) {
  KOKKOS_IF_ON_HOST((return detail::host_error_function(x);))
  KOKKOS_IF_ON_DEVICE((return Kokkos::erf(x);))
}

/// 1 / (1 + e^-x), without overflow.
template <class T>
KOKKOS_FORCEINLINE_FUNCTION T sigmoid(T x) {
  const T e = exponential_of_negative(x < 0 ? x : -x);
  const T positive = T(1) / (T(1) + e);
  return x < 0 ? e * positive : positive;
}

/// GELU(x) = x Phi(x) with the exact normal distribution function (Hendrycks & Gimpel 2016,
/// arXiv:1606.08415).
template <class T>
KOKKOS_FORCEINLINE_FUNCTION T gelu(T x) {
  constexpr T inverse_sqrt2 = T(0.70710678118654752440);
  return T(0.5) * x * (T(1) + error_function(x * inverse_sqrt2));
}
/// GELU'(x) = Phi(x) + x phi(x).
template <class T>
KOKKOS_FORCEINLINE_FUNCTION T gelu_derivative(T x) {
  constexpr T inverse_sqrt2 = T(0.70710678118654752440);
  constexpr T inverse_sqrt_2pi = T(0.39894228040143267794);
  const T distribution = T(0.5) * (T(1) + error_function(x * inverse_sqrt2));
  return distribution + x * inverse_sqrt_2pi * exponential_of_negative(T(-0.5) * x * x);
}

}  // namespace jespr::kernels
