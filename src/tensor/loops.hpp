// Loops: the named parallel loops of the program. `for_each` over elements, `for_rows` over rows
// whose inner loops and sums run over the lanes of a warp on a GPU and over vector lanes on a CPU.
// Every sum has a fixed order: it depends on the length alone, never on threads.
#pragma once

#include <Kokkos_Core.hpp>
#include <string>
#include <type_traits>

#include "tensor/views.hpp"

namespace jespr {

// Kokkos uses the heap for each loop in three places, hence three functions: a step has thousands
// of loops, and may allocate nothing.

/// A loop's name as a string of memory that is kept, good until the next call.
inline const std::string& loop_name(const char* name) {
  constexpr std::size_t longest = 100;
  thread_local std::string text(longest, ' ');
  return text = name;
}

/// The handle of an execution space, made once.
template <class Space>
const Space& handle_of() {
  static const Space handle;
  return handle;
}

/// Indices [0, n). A bound that is a number by itself would be written into a message before it is
/// looked at.
template <class Space, class... Traits>
Kokkos::RangePolicy<Space, Traits...> range_of(std::size_t n) {
  using Policy = Kokkos::RangePolicy<Space, Traits...>;
  struct Bound {
    std::size_t value;
    operator typename Policy::member_type() const {
      return static_cast<typename Policy::member_type>(value);
    }
  };
  return Policy(handle_of<Space>(), Bound{0}, Bound{n});
}

/// Waits until the device has done what it was given; a CPU has, when a loop returns.
inline void wait_for_device(const char* name) {
  if constexpr (!device_is_host) Kokkos::fence(name);
}

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
  Kokkos::parallel_for(loop_name(name), range_of<Device, Kokkos::IndexType<std::size_t>>(n), f);
}

/// view = value.
template <class V>
void fill(const V& view, typename V::const_value_type value) {
  auto* const to = view.data();
  for_each(
      "fill", view.size(), KOKKOS_LAMBDA(const std::size_t i) { to[i] = value; });
}

/// to = from, element by element: views of the same shape.
template <class To, class From>
void copy(const To& to, const From& from) {
  static_assert(To::rank() == From::rank());
  for (std::size_t d = 0; d < To::rank(); ++d)
    if (to.extent(d) != from.extent(d)) fail(Exit::runtime, "bug: copy between different shapes");
  auto* const target = to.data();
  const auto* const source = from.data();
  for_each(
      "copy", to.size(), KOKKOS_LAMBDA(const std::size_t i) { target[i] = source[i]; });
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
    const auto rows = static_cast<std::size_t>(n);
    if (dynamic)
      Kokkos::parallel_for(
          loop_name(name),
          range_of<Device, Kokkos::Schedule<Kokkos::Dynamic>>(rows).set_chunk_size(1), body);
    else
      Kokkos::parallel_for(loop_name(name),
                           range_of<Device, Kokkos::Schedule<Kokkos::Static>>(rows), body);
  } else {
    const int blocks = (n + WarpRow::at_once - 1) / WarpRow::at_once;
    Kokkos::parallel_for(
        loop_name(name),
        WarpRow::Policy(handle_of<Device>(), blocks, WarpRow::at_once, WarpRow::width),
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
      loop_name(name),
      range_of<Threads, Kokkos::Schedule<Kokkos::Static>>(static_cast<std::size_t>(n))
          .set_chunk_size(1),
      [&f](const std::size_t share) {
        in_share = true;
        f(static_cast<int>(share));
        in_share = false;
      });
}

}  // namespace jespr
