// Simd: as many numbers as one vector register of the CPU holds, for products over small tiles,
// which a compiler does not keep in registers by itself.
#pragma once

#include <cstring>

#if defined(__GNUC__) && !defined(__NVCC__)  // whose front end takes it for a mistake
#define JESPR_UNROLLED _Pragma("GCC unroll 16")
#else
#define JESPR_UNROLLED
#endif

namespace jespr {

#ifdef __AVX512F__
inline constexpr int vector_bytes = 64, vector_registers = 32;
#else
inline constexpr int vector_bytes = 32, vector_registers = 16;
#endif

namespace detail {
template <class T>
struct SimdOf {
#if defined(__GNUC__) && !defined(__NVCC__)
  typedef T type __attribute__((vector_size(vector_bytes)));
  typedef T in_memory __attribute__((vector_size(vector_bytes), aligned(alignof(T)), may_alias));
#else
  using type = T;
  using in_memory = T;
#endif
};
}  // namespace detail

/// Arithmetic works by lane, also between a vector and a number.
template <class T>
using Simd = typename detail::SimdOf<T>::type;
template <class T>
inline constexpr int simd_lanes = static_cast<int>(sizeof(Simd<T>) / sizeof(T));

/// The least multiple of the lanes that is not below n.
template <class T>
constexpr int whole_vectors(int n) {
  return (n + simd_lanes<T> - 1) / simd_lanes<T> * simd_lanes<T>;
}

/// From any address. Not by memcpy: sums that begin or end so GCC 12 keeps on the stack.
template <class T>
inline Simd<T> load(const T* from) {
  return *reinterpret_cast<const typename detail::SimdOf<T>::in_memory*>(from);
}
template <class T>
inline void store(T* to, Simd<T> v) {
  *reinterpret_cast<typename detail::SimdOf<T>::in_memory*>(to) = v;
}

namespace detail {
/// join(join(...), ...) of all lanes, halves upon halves: a fixed order.
template <class T, class F>
inline T over_lanes(Simd<T> v, const F& join) {
  T lane[simd_lanes<T>];
  store(lane, v);
  JESPR_UNROLLED
  for (int half = simd_lanes<T> / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) lane[i] = join(lane[i], lane[i + half]);
  return lane[0];
}
}  // namespace detail

template <class T>
inline T sum_of_lanes(Simd<T> v) {
  return detail::over_lanes<T>(v, [](T a, T b) { return a + b; });
}
template <class T>
inline T max_of_lanes(Simd<T> v) {
  return detail::over_lanes<T>(v, [](T a, T b) { return a > b ? a : b; });
}

/// f(q, v) for q < Q and v < V, written out: what they index can stay in registers.
template <int Q, int V, class F>
inline void unrolled(const F& f) {
  JESPR_UNROLLED
  for (int q = 0; q < Q; ++q) {
    JESPR_UNROLLED
    for (int v = 0; v < V; ++v) f(q, v);
  }
}

/// Begins to bring n numbers from memory, to be there when they are read or written.
template <class T>
inline void prefetch([[maybe_unused]] const T* from, [[maybe_unused]] int n) {
#ifdef __GNUC__
  constexpr int line = 64 / sizeof(T);
  for (int i = 0; i < n; i += line) __builtin_prefetch(from + i);
#endif
}

}  // namespace jespr

#undef JESPR_UNROLLED
