// Views: the arrays of the program. Row-major everywhere, in device memory, not owning: the arena
// or the parameter store owns. Host code reaches them through mirrors only.
#pragma once

#include <Kokkos_Core.hpp>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/error.hpp"

namespace jespr {

using Device = Kokkos::DefaultExecutionSpace;
using DeviceMemory = Device::memory_space;
using NotOwned = Kokkos::MemoryTraits<Kokkos::Unmanaged>;

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

/// Device view -> host vector, and back; synchronous. For inputs, results and tests.
template <class V>
std::vector<typename V::non_const_value_type> to_host(const V& view) {
  using T = typename V::non_const_value_type;
  std::vector<T> host(view.size());
  Kokkos::View<const T*, DeviceMemory, NotOwned> source(view.data(), view.size());
  Kokkos::View<T*, Kokkos::HostSpace, NotOwned> target(host.data(), host.size());
  Kokkos::deep_copy(target, source);
  return host;
}
template <class V, class T>
void to_device(const V& view, std::span<const T> host) {
  if (view.size() != host.size())
    fail(Exit::runtime, "bug: " + std::to_string(host.size()) + " host elements for a view of " +
                            std::to_string(view.size()));
  Kokkos::View<const T*, Kokkos::HostSpace, NotOwned> source(host.data(), host.size());
  Kokkos::View<T*, DeviceMemory, NotOwned> target(view.data(), view.size());
  Kokkos::deep_copy(target, source);
}
template <class V, class T>
void to_device(const V& view, const std::vector<T>& host) {
  to_device(view, std::span<const T>(host));
}

/// The same with a change of type, where there is one.
template <class V, class T>
void to_device_as(const V& view, const std::vector<T>& host) {
  using To = typename V::non_const_value_type;
  if constexpr (std::is_same_v<To, T>)
    to_device(view, host);
  else
    to_device(view, std::vector<To>(host.begin(), host.end()));
}

}  // namespace jespr
