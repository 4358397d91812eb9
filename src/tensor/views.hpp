// Views: the arrays of the program. Row-major everywhere, in device memory, not owning: the arena
// or the parameter store owns. Host code reaches them through mirrors only.
#pragma once

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/error.hpp"

namespace jespr {

using Device = Kokkos::DefaultExecutionSpace;
using DeviceMemory = Device::memory_space;
using NotOwned = Kokkos::MemoryTraits<Kokkos::Unmanaged>;

inline constexpr bool device_is_host = std::is_same_v<DeviceMemory, Kokkos::HostSpace>;

template <class T>
using Vector = Kokkos::View<T*, Kokkos::LayoutRight, DeviceMemory, NotOwned>;  // [N]
template <class T>
using Matrix = Kokkos::View<T**, Kokkos::LayoutRight, DeviceMemory, NotOwned>;  // [N, C]
template <class T>
using Tensor3 = Kokkos::View<T***, Kokkos::LayoutRight, DeviceMemory, NotOwned>;  // [N, 3, U]

/// The same memory seen as a matrix of `rows` rows; sizes must agree.
template <class T, class V>
Matrix<T> as_matrix(const V& view, std::size_t rows, std::size_t columns) {
  if (view.size() != rows * columns)
    fail(Exit::runtime, "bug: a view of " + std::to_string(view.size()) + " elements taken as " +
                            std::to_string(rows) + " x " + std::to_string(columns));
  return Matrix<T>(view.data(), rows, columns);
}
template <class T>
Vector<T> flat(Matrix<T> m) {
  return Vector<T>(m.data(), m.size());
}
template <class T>
Vector<T> flat(Tensor3<T> t) {
  return Vector<T>(t.data(), t.size());
}
/// Vector features [N, 3, U] as 3N rows of U channels: a channel map is a plain product on them.
template <class T>
Matrix<T> channel_rows(Tensor3<T> v) {
  return Matrix<T>(v.data(), v.extent(0) * v.extent(1), v.extent(2));
}
/// Vector features as N rows of 3U numbers.
template <class T>
Matrix<T> wide_rows(Tensor3<T> v) {
  return Matrix<T>(v.data(), v.extent(0), v.extent(1) * v.extent(2));
}
/// Rows [begin, end) of a matrix.
template <class T>
Matrix<T> rows_of(Matrix<T> m, std::size_t begin, std::size_t end) {
  return Matrix<T>(m.data() + begin * m.extent(1), end - begin, m.extent(1));
}
template <class T>
Tensor3<T> rows_of(Tensor3<T> v, std::size_t begin, std::size_t end) {
  return Tensor3<T>(v.data() + begin * v.extent(1) * v.extent(2), end - begin, v.extent(1),
                    v.extent(2));
}

namespace detail {
/// `n` elements from one memory space to another; synchronous. Kokkos::deep_copy makes names for
/// its fences on the heap: where device and host share memory, it is not asked.
template <class To, class From, class T>
void transfer(T* to, const T* from, std::size_t n) {
  if constexpr (device_is_host)
    std::copy_n(from, n, to);
  else
    Kokkos::deep_copy(Kokkos::View<T*, To, NotOwned>(to, n),
                      Kokkos::View<const T*, From, NotOwned>(from, n));
}
inline void expect_equal_sizes(std::size_t host, std::size_t view) {
  if (host != view)
    fail(Exit::runtime,
         "bug: " + std::to_string(host) + " host elements for a view of " + std::to_string(view));
}
}  // namespace detail

/// Device view -> host memory of the same size, and back; synchronous. For inputs and results.
template <class V, class T>
void to_host(const V& view, std::span<T> host) {
  detail::expect_equal_sizes(host.size(), view.size());
  detail::transfer<Kokkos::HostSpace, DeviceMemory, T>(host.data(), view.data(), host.size());
}
template <class V, class T>
void to_device(const V& view, std::span<const T> host) {
  detail::expect_equal_sizes(host.size(), view.size());
  detail::transfer<DeviceMemory, Kokkos::HostSpace, T>(view.data(), host.data(), host.size());
}

/// The same with vectors.
template <class V>
std::vector<typename V::non_const_value_type> to_host(const V& view) {
  std::vector<typename V::non_const_value_type> host(view.size());
  to_host(view, std::span(host));
  return host;
}
template <class V, class T>
void to_device(const V& view, const std::vector<T>& host) {
  to_device(view, std::span<const T>(host));
}

/// The number that a view of one element holds.
template <class V>
typename V::non_const_value_type number_of(const V& view) {
  typename V::non_const_value_type number{};
  to_host(view, std::span(&number, 1));
  return number;
}

}  // namespace jespr
