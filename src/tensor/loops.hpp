// Loops: the named parallel loops of the program. `for_each` over elements, `for_rows` over rows
// whose inner loops and sums run over the lanes of a warp on a GPU and over vector lanes on a CPU.
// Every sum has a fixed order: it depends on the length alone, never on threads.
#pragma once

#include <Kokkos_Core.hpp>
#include <type_traits>

#include "tensor/views.hpp"

namespace jespr {

inline constexpr bool device_is_host =
    Kokkos::SpaceAccessibility<Kokkos::HostSpace, DeviceMemory>::accessible &&
    std::is_same_v<DeviceMemory, Kokkos::HostSpace>;

/// One row of a row loop on the CPU: the inner loops are vectorised by the compiler.
struct HostRow {
  int index;

  template <class F>
  KOKKOS_FORCEINLINE_FUNCTION void for_each(int n, const F& f) const {
#ifdef __GNUC__
#pragma GCC ivdep
#endif
    for (int c = 0; c < n; ++c) f(c);
  }
  /// sum_c f(c), in 16 interleaved partial sums and a fixed tree.
  template <class T, class F>
  KOKKOS_FORCEINLINE_FUNCTION T sum(int n, const F& f) const {
    constexpr int lanes = 16;
    T partial[lanes] = {};
    int c = 0;
    for (; c + lanes <= n; c += lanes)
      for (int lane = 0; lane < lanes; ++lane) partial[lane] += f(c + lane);
    for (int lane = 0; c + lane < n; ++lane) partial[lane] += f(c + lane);
    for (int half = lanes / 2; half > 0; half /= 2)
      for (int lane = 0; lane < half; ++lane) partial[lane] += partial[lane + half];
    return partial[0];
  }
  template <class T, class F>
  KOKKOS_FORCEINLINE_FUNCTION T max(int n, const F& f) const {
    T largest = f(0);
    for (int c = 1; c < n; ++c) {
      const T value = f(c);
      largest = value > largest ? value : largest;
    }
    return largest;
  }
  /// Runs f once per row.
  template <class F>
  KOKKOS_FORCEINLINE_FUNCTION void once(const F& f) const {
    f();
  }
};

/// One row of a row loop on a GPU: a warp, its lanes share the inner loops.
struct WarpRow {
  using Policy = Kokkos::TeamPolicy<Device>;
  using Member = Policy::member_type;
  static constexpr int width = 32;
  static constexpr int at_once = 4;  // rows of one thread block: one warp alone would leave half of
                                     // a multiprocessor empty
  const Member& member;
  int index;

  template <class F>
  KOKKOS_FORCEINLINE_FUNCTION void for_each(int n, const F& f) const {
    Kokkos::parallel_for(Kokkos::ThreadVectorRange(member, n), [&](int c) { f(c); });
  }
  template <class T, class F>
  KOKKOS_FORCEINLINE_FUNCTION T sum(int n, const F& f) const {
    T total{};
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, n), [&](int c, T& partial) { partial += f(c); }, total);
    return total;
  }
  template <class T, class F>
  KOKKOS_FORCEINLINE_FUNCTION T max(int n, const F& f) const {
    T largest{};
    Kokkos::parallel_reduce(
        Kokkos::ThreadVectorRange(member, n),
        [&](int c, T& partial) {
          const T value = f(c);
          partial = value > partial ? value : partial;
        },
        Kokkos::Max<T>(largest));
    return largest;
  }
  template <class F>
  KOKKOS_FORCEINLINE_FUNCTION void once(const F& f) const {
    Kokkos::single(Kokkos::PerThread(member), [&]() { f(); });
  }
};

using Row = std::conditional_t<device_is_host, HostRow, WarpRow>;

/// Whether this thread works through a share of its own (`for_shares`): loops in it are its alone.
inline thread_local bool in_share = false;

/// f(i) for i in [0, n).
template <class F>
void for_each(const char* name, std::size_t n, const F& f) {
  if (n == 0) return;
  if constexpr (device_is_host)
    if (in_share) {
      for (std::size_t i = 0; i < n; ++i) f(i);
      return;
    }
  Kokkos::parallel_for(name, Kokkos::RangePolicy<Device, Kokkos::IndexType<std::size_t>>(0, n), f);
}

namespace detail {
template <class F>
struct WarpLoop {
  F f;
  int rows;
  KOKKOS_FUNCTION void operator()(const WarpRow::Member& member) const {
    const int i = member.league_rank() * member.team_size() + member.team_rank();
    if (i < rows) f(WarpRow{member, i});
  }
};
}  // namespace detail

/// f(row) for n rows; `row.index` is its number. With `dynamic`, for rows of very different cost,
/// a thread takes the next row when it is done (same results: rows are independent).
template <class F>
void for_rows(const char* name, int n, const F& f, bool dynamic = false) {
  if (n == 0) return;
  if constexpr (device_is_host) {
    if (in_share) {
      for (int i = 0; i < n; ++i) f(HostRow{i});
      return;
    }
    const auto body = [f](const int i) { f(HostRow{i}); };
    if (dynamic) {
      Kokkos::parallel_for(name,
                           Kokkos::RangePolicy<Device, Kokkos::Schedule<Kokkos::Dynamic>>(
                               0, n, Kokkos::ChunkSize(1)),
                           body);
    } else {
      Kokkos::parallel_for(
          name, Kokkos::RangePolicy<Device, Kokkos::Schedule<Kokkos::Static>>(0, n), body);
    }
  } else {
    const int blocks = (n + WarpRow::at_once - 1) / WarpRow::at_once;
    Kokkos::parallel_for(name, WarpRow::Policy(blocks, WarpRow::at_once, WarpRow::width),
                         detail::WarpLoop<F>{f, n});
  }
}

/// f(share) for n shares of work on a CPU, one thread each: what lies between the loops of a share
/// stays in the thread's own cache, and no thread waits for another from loop to loop. Nothing in f
/// takes from a workspace or calls a library.
template <class F>
void for_shares(const char* name, int n, const F& f) {
  using Threads = Kokkos::DefaultHostExecutionSpace;
  Kokkos::parallel_for(
      name,
      Kokkos::RangePolicy<Threads, Kokkos::Schedule<Kokkos::Static>>(0, n, Kokkos::ChunkSize(1)),
      [&f](const int share) {
        in_share = true;
        f(share);
        in_share = false;
      });
}

}  // namespace jespr
