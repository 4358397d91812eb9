// Attention by tiles. Letters: L rows of the protein, D head width, padded with zeros to whole
// vectors; a tile has `queries_at_once` queries and `keys_at_once` keys. A tile's keys lie
// together, so that neither a long protein nor a wide head makes one cache line push another out.
#include "kernels/attention_tiles.hpp"

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>

#include "kernels/attention_dropout.hpp"
#include "kernels/math.hpp"
#include "kernels/tile_operands.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {
namespace {

constexpr int queries_at_once = 48;
constexpr int keys_at_once = 64;

/// How many keys are in the tile that starts at j0.
int keys_of_tile(int length, int j0) { return std::min(length - j0, keys_at_once); }

/// Up to which key queries [first, first + rows) see any.
int keys_seen(int length, int first, int rows, bool causal) {
  return causal ? first + rows : length;
}

/// How many of the `count` keys from j0 on a query sees; less than 1: none.
int keys_before(int query, int j0, int count, bool causal) {
  return causal ? std::min(count, query - j0 + 1) : count;
}

/// The tasks, the longest proteins first, so that no thread is left with a long one at the end.
std::span<const int> by_length(Workspace& scratch, const Offsets& offsets) {
  const auto proteins = scratch.host_array<int>(static_cast<std::size_t>(offsets.proteins()));
  std::iota(proteins.begin(), proteins.end(), 0);
  const auto rows = [&](int b) {
    return offsets.host[static_cast<std::size_t>(b) + 1] -
           offsets.host[static_cast<std::size_t>(b)];
  };
  std::sort(proteins.begin(), proteins.end(),
            [&](int a, int b) { return std::pair(rows(b), a) < std::pair(rows(a), b); });
  return proteins;
}

/// One head of one protein in the packed arrays.
template <class T>
struct Head {
  const T* rows;  // [L, stride]: the head's columns of queries, keys or values
  int stride, length, width;

  int padded_width() const { return whole_vectors<T>(width); }

  /// A row's next head is what this thread works on next, from places a page apart, which no CPU
  /// foresees.
  void prefetch_next(int i) const { prefetch(rows + i * stride + width, width); }

  /// `count` rows from `first` on as rows of whole vectors.
  void pack(int first, int count, T* out) const {
    const int columns = padded_width();
    for (int i = 0; i < count; ++i) {
      prefetch_next(first + i);
      std::copy_n(rows + (first + i) * stride, width, out + i * columns);
      std::fill(out + i * columns + width, out + (i + 1) * columns, T(0));
    }
  }
};

/// Keys or values of all tiles as right operands of products, tiles one after the other.
template <class Operands>
struct PackedTiles {
  using T = typename Operands::Real;
  using Number = typename Operands::Number;
  enum Form { rows, columns };  // [keys, D], [D, keys]

  Number* numbers;
  std::size_t size;  // of a whole tile

  static PackedTiles take(Slab& slab, Form form, int length, int width) {
    const std::size_t size = form == rows ? Operands::right_size(keys_at_once, width)
                                          : Operands::right_size(width, keys_at_once);
    const int tiles = (length + keys_at_once - 1) / keys_at_once;
    return {slab.vector<Number>(static_cast<std::size_t>(tiles) * size).data(), size};
  }
  Number* tile(int j0) const {
    return numbers + static_cast<std::size_t>(j0 / keys_at_once) * size;
  }
  void pack(Form form, const Head<T>& head) const {
    for (int j = 0; j < head.length; ++j) head.prefetch_next(j);
    for (int j0 = 0; j0 < head.length; j0 += keys_at_once) {
      const int keys = keys_of_tile(head.length, j0);
      const T* const first = head.rows + j0 * head.stride;
      if (form == rows)
        Operands::pack({first, head.stride}, keys, head.width, tile(j0));
      else
        Operands::pack({first, 1, head.stride}, head.width, keys, tile(j0));
    }
  }
};

/// What a lane of x must be so that it counts neither for the maximum nor for the sum.
template <class T>
constexpr T nothing = -std::numeric_limits<T>::infinity();

/// Elements from n to the end of its vector become nothing.
template <class T>
void cut_tail(T* x, int n) {
  for (int j = n; j < whole_vectors<T>(n); ++j) x[j] = nothing<T>;
}

/// max of x[j] for j < n, the tail cut.
template <class T>
T row_max(const T* x, int n) {
  constexpr int lanes = simd_lanes<T>;
  Simd<T> largest = load(x);
  for (int j = lanes; j < n; j += lanes) {
    const Simd<T> here = load(x + j);
    largest = here > largest ? here : largest;
  }
  return max_of_lanes<T>(largest);
}

/// Sets x[j] = exp(x[j] - shift) for j < n, the tail cut, and returns their sum.
template <class T>
T exponentials(T* x, int n, T shift) {
  constexpr int lanes = simd_lanes<T>;
  const int whole = whole_vectors<T>(n);
  for (int j = 0; j < whole; ++j) x[j] = exponential_of_negative(x[j] - shift);
  Simd<T> sums = {};
  for (int j = 0; j < whole; j += lanes) sums += load(x + j);
  return sum_of_lanes<T>(sums);
}

template <class Operands>
struct ForwardTask {
  using Units = typename Operands::Units;
  using T = typename Operands::Real;
  using Number = typename Operands::Number;
  using Tiles = PackedTiles<Operands>;

  Head<T> query, key, value;
  AttentionMasks masks;
  bool causal;
  int identity, head;
  T* out;  // [L, stride_out]
  int stride_out;
  T* lse;  // [L]

  struct Arrays {
    Tiles keys, values;
    T *queries, *sums;          // [queries, D]
    Number *query_room, *room;  // of left operands
  };
  static Arrays take(Slab& slab, int length, int width) {
    const auto array = [&](std::size_t n) { return slab.vector<T>(n).data(); };
    const auto numbers = [&](std::size_t n) { return slab.vector<Number>(n).data(); };
    const std::size_t of_queries =
        static_cast<std::size_t>(queries_at_once * whole_vectors<T>(width));
    return {Tiles::take(slab, Tiles::columns, length, width),
            Tiles::take(slab, Tiles::rows, length, width),
            array(of_queries),
            array(of_queries),
            numbers(Operands::left_size(queries_at_once, width)),
            numbers(Operands::left_size(queries_at_once, keys_at_once))};
  }

  void run(const Arrays& arrays) const {
    const int length = key.length, width = key.width, columns = key.padded_width();
    T *const queries = arrays.queries, *const sums = arrays.sums;
    arrays.keys.pack(Tiles::columns, key);
    arrays.values.pack(Tiles::rows, value);
    alignas(vector_bytes) T p[queries_at_once * keys_at_once];
    for (int first = 0; first < length; first += queries_at_once) {
      const int rows = std::min(length - first, queries_at_once);
      query.pack(first, rows, queries);
      const auto left = Operands::left({queries, columns}, rows, width, arrays.query_room);
      std::fill(sums, sums + rows * columns, T(0));
      T largest[queries_at_once], next[queries_at_once], factor[queries_at_once];
      double total[queries_at_once] = {};
      std::fill(largest, largest + rows, nothing<T>);
      const int seen = keys_seen(length, first, rows, causal);
      for (int j0 = 0; j0 < seen; j0 += keys_at_once) {
        const int count = keys_of_tile(length, j0), keys = whole_vectors<T>(count);
        Operands::template multiply<Old::dropped>(rows, keys, width, left, arrays.keys.tile(j0), p,
                                                  keys_at_once);
        for (int q = 0; q < rows; ++q) {
          T* const row = p + q * keys_at_once;
          cut_tail(row, count);
          for (int j = std::max(0, keys_before(first + q, j0, count, causal)); j < count; ++j)
            row[j] = nothing<T>;
          next[q] = std::max(largest[q], row_max(row, count));
        }
        for (int q = 0; q < rows; ++q) factor[q] = exponential_of_negative(largest[q] - next[q]);
        for (int q = 0; q < rows; ++q) {
          T* const row = p + q * keys_at_once;
          total[q] = total[q] * factor[q] + exponentials(row, count, next[q]);
          if (masks.on) drop(first + q, j0, count, row);
        }
        std::copy_n(next, rows, largest);
        Operands::template multiply<Old::scaled>(
            rows, columns, count, Operands::left({p, keys_at_once}, rows, count, arrays.room),
            arrays.values.tile(j0), sums, columns, factor);
      }
      for (int q = 0; q < rows; ++q) {
        const T inverse = static_cast<T>(1 / total[q]);
        prefetch(out + (first + q) * stride_out + width, width);
        for (int d = 0; d < width; ++d)
          out[(first + q) * stride_out + d] = sums[q * columns + d] * inverse;
        lse[first + q] = static_cast<T>(largest[q] + std::log(total[q]));
      }
    }
  }

  void drop(int row, int j0, int count, T* p) const {
    T mask[keys_at_once];
    masks.factors(identity, head, row, j0, count, mask);
    for (int j = 0; j < count; ++j) p[j] *= mask[j];
  }
};

template <class Operands>
struct BackwardTask {
  using Units = typename Operands::Units;
  using T = typename Operands::Real;
  using Number = typename Operands::Number;
  using Tiles = PackedTiles<Operands>;

  Head<T> query, key, value, out, dout;
  AttentionMasks masks;
  bool causal;
  int identity, head;
  const T* lse;  // [L]
  T* dquery;     // [L, stride], as dkey and dvalue
  T* dkey;
  T* dvalue;
  int stride;

  struct Arrays {
    Tiles key_columns, value_columns, key_rows;
    T *dkeys, *dvalues;              // [L, D]
    T *queries, *douts, *dqueries;   // [queries, D]
    Number *query_room, *dout_room;  // of left operands for all tiles of keys
    Number *query_right, *dout_right, *room;
  };
  static Arrays take(Slab& slab, int length, int width) {
    const auto array = [&](int rows) {
      return slab.vector<T>(static_cast<std::size_t>(rows * whole_vectors<T>(width))).data();
    };
    const auto numbers = [&](std::size_t n) { return slab.vector<Number>(n).data(); };
    const std::size_t left = Operands::left_size(queries_at_once, width),
                      right = Operands::right_size(queries_at_once, width);
    return {Tiles::take(slab, Tiles::columns, length, width),
            Tiles::take(slab, Tiles::columns, length, width),
            Tiles::take(slab, Tiles::rows, length, width),
            array(length),
            array(length),
            array(queries_at_once),
            array(queries_at_once),
            array(queries_at_once),
            numbers(left),
            numbers(left),
            numbers(right),
            numbers(right),
            numbers(std::max(Operands::left_size(queries_at_once, keys_at_once),
                             Operands::left_size(keys_at_once, queries_at_once)))};
  }

  void run(const Arrays& a) const {
    const int length = key.length, width = key.width, columns = key.padded_width();
    a.key_columns.pack(Tiles::columns, key);
    a.value_columns.pack(Tiles::columns, value);
    a.key_rows.pack(Tiles::rows, key);
    std::fill(a.dkeys, a.dkeys + length * columns, T(0));
    std::fill(a.dvalues, a.dvalues + length * columns, T(0));
    alignas(vector_bytes) T p[queries_at_once * keys_at_once], g[queries_at_once * keys_at_once];
    constexpr auto dropped = Old::dropped, kept = Old::kept;
    for (int first = 0; first < length; first += queries_at_once) {
      const int rows = std::min(length - first, queries_at_once);
      query.pack(first, rows, a.queries);
      dout.pack(first, rows, a.douts);
      const auto queries = Operands::left({a.queries, columns}, rows, width, a.query_room);
      const auto douts = Operands::left({a.douts, columns}, rows, width, a.dout_room);
      const Number* const query_rows = Operands::right(a.queries, rows, width, a.query_right);
      const Number* const dout_rows = Operands::right(a.douts, rows, width, a.dout_right);
      std::fill(a.dqueries, a.dqueries + rows * columns, T(0));
      T centre[queries_at_once];
      for (int q = 0; q < rows; ++q) centre[q] = centre_of(first + q);
      const int seen = keys_seen(length, first, rows, causal);
      for (int j0 = 0; j0 < seen; j0 += keys_at_once) {
        const int count = keys_of_tile(length, j0), keys = whole_vectors<T>(count);
        Operands::template multiply<dropped>(rows, keys, width, queries, a.key_columns.tile(j0), p,
                                             keys_at_once);
        Operands::template multiply<dropped>(rows, keys, width, douts, a.value_columns.tile(j0), g,
                                             keys_at_once);
        for (int q = 0; q < rows; ++q)
          score_gradients(first + q, j0, count, centre[q], p + q * keys_at_once,
                          g + q * keys_at_once);
        const Tile<T> probabilities{p, keys_at_once}, gradients{g, keys_at_once};
        Operands::template multiply<kept>(count, columns, rows,
                                          Operands::turned(probabilities, count, rows, a.room),
                                          dout_rows, a.dvalues + j0 * columns, columns);
        Operands::template multiply<kept>(count, columns, rows,
                                          Operands::turned(gradients, count, rows, a.room),
                                          query_rows, a.dkeys + j0 * columns, columns);
        Operands::template multiply<kept>(rows, columns, count,
                                          Operands::left(gradients, rows, count, a.room),
                                          a.key_rows.tile(j0), a.dqueries, columns);
      }
      for (int q = 0; q < rows; ++q)
        unpack(a.dqueries + q * columns, dquery + (first + q) * stride);
    }
    for (int j = 0; j < length; ++j) {
      unpack(a.dkeys + j * columns, dkey + j * stride);
      unpack(a.dvalues + j * columns, dvalue + j * stride);
    }
  }

  void unpack(const T* row, T* to) const {
    std::copy_n(row, key.width, to);
    prefetch(to + key.width, key.width);
  }

  /// dout_i . out_i: the mean of g_ij, weighted by the probabilities.
  T centre_of(int row) const {
    double centre = 0;  // every gradient of the row hangs on it
    for (int d = 0; d < key.width; ++d)
      centre +=
          static_cast<double>(dout.rows[row * dout.stride + d]) * out.rows[row * out.stride + d];
    return static_cast<T>(centre);
  }

  /// From scores and g_ij = dout_i . v_j to (masked) probabilities and gradients of the scores.
  void score_gradients(int row, int j0, int count, T centre, T* p, T* g) const {
    T mask[keys_at_once];
    if (masks.on)
      masks.factors(identity, head, row, j0, count, mask);
    else
      std::fill(mask, mask + count, T(1));
    const T shift = lse[row];
    const int seen = std::max(0, keys_before(row, j0, count, causal));
    std::fill(g + seen, g + count, T(0));
    std::fill(p + seen, p + count, T(0));
    for (int j = 0; j < seen; ++j) {
      const T probability = exponential_of_negative(p[j] - shift);
      g[j] = probability * (g[j] * mask[j] - centre);
      p[j] = probability * mask[j];
    }
  }
};

/// Runs one task for each head of each protein: `make(protein, first row, rows, head)`.
template <class Task, class Make>
void run_tasks(const char* name, Workspace& scratch, const Offsets& offsets, int heads, int width,
               const Make& make) {
  Scope scope(scratch);
  using Host = Kokkos::DefaultHostExecutionSpace;
  const Kokkos::Experimental::UniqueToken<Host> threads(handle_of<Host>());
  const int longest = offsets.longest;
  Slab measure;
  Task::take(measure, longest, width);
  const Matrix<std::byte> memory =
      scratch.matrix<std::byte>(static_cast<std::size_t>(threads.size()), measure.used());
  const std::span<const int> proteins = by_length(scratch, offsets);
  const int tasks = offsets.proteins() * heads;
  // Heads that follow each other share cache lines and pages; 16 shares for each thread even out.
  const int at_once = std::max(1, tasks / (16 * threads.size()));
  const int* const order = proteins.data();
  const int* const starts = offsets.host.data();
  Kokkos::parallel_for(
      loop_name(name),
      range_of<Host, Kokkos::Schedule<Kokkos::Dynamic>>(static_cast<std::size_t>(tasks))
          .set_chunk_size(at_once),
      [=](const int task) {
        const int b = order[task / heads];
        const int thread = threads.acquire();
        [[maybe_unused]] const typename Task::Units units;
        Slab slab(&memory(static_cast<std::size_t>(thread), 0));
        make(b, starts[b], starts[b + 1] - starts[b], task % heads)
            .run(Task::take(slab, longest, width));
        threads.release(thread);
      });
}

template <class Operands, class T>
void forward(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets, int heads,
             const AttentionDropout& dropout, Matrix<T> out, Matrix<T> lse, bool causal) {
  const int n = offsets.rows(), width = static_cast<int>(out.extent(1)), head_width = width / heads;
  const AttentionMasks masks(dropout);
  const int* const identity = offsets.identity.data();
  const auto make = [=](int b, int first, int rows, int h) {
    const auto part = [&](int k) {
      return Head<T>{&qkv(first, k * width + h * head_width), 3 * width, rows, head_width};
    };
    return ForwardTask<Operands>{part(0), part(1),
                                 part(2), masks,
                                 causal,  identity[b],
                                 h,       &out(first, h * head_width),
                                 width,   lse.data() + static_cast<std::size_t>(h) * n + first};
  };
  run_tasks<ForwardTask<Operands>>("attention", scratch, offsets, heads, head_width, make);
}

template <class Operands, class T>
void backward(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets, int heads,
              const AttentionDropout& dropout, Matrix<T> out, Matrix<T> lse, Matrix<T> dout,
              Matrix<T> dqkv, bool causal) {
  const int n = offsets.rows(), width = static_cast<int>(out.extent(1)), head_width = width / heads;
  const AttentionMasks masks(dropout);
  const int* const identity = offsets.identity.data();
  const auto make = [=](int b, int first, int rows, int h) {
    const int column = h * head_width;
    const auto part = [&](int k) {
      return Head<T>{&qkv(first, k * width + column), 3 * width, rows, head_width};
    };
    return BackwardTask<Operands>{part(0),
                                  part(1),
                                  part(2),
                                  Head<T>{&out(first, column), width, rows, head_width},
                                  Head<T>{&dout(first, column), width, rows, head_width},
                                  masks,
                                  causal,
                                  identity[b],
                                  h,
                                  lse.data() + static_cast<std::size_t>(h) * n + first,
                                  &dqkv(first, column),
                                  &dqkv(first, width + column),
                                  &dqkv(first, 2 * width + column),
                                  3 * width};
  };
  run_tasks<BackwardTask<Operands>>("attention backward", scratch, offsets, heads, head_width,
                                    make);
}

/// f(operands) for the kind of operands that `operands` asks for.
template <class T, class F>
void with_operands([[maybe_unused]] OperandPrecision operands, const F& f) {
  if constexpr (std::is_same_v<T, float>)
    if (operands == OperandPrecision::bf16) {
      f(RoundedPairs{});
      return;
    }
  f(PlainOperands<T>{});
}

}  // namespace

template <class T>
void attention_by_tiles(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets, int heads,
                        const AttentionDropout& dropout, OperandPrecision operands, Matrix<T> out,
                        Matrix<T> lse, bool causal) {
  with_operands<T>(operands, [&](auto kind) {
    forward<decltype(kind)>(scratch, qkv, offsets, heads, dropout, out, lse, causal);
  });
}

template <class T>
void attention_by_tiles_backward(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets,
                                 int heads, const AttentionDropout& dropout,
                                 OperandPrecision operands, Matrix<T> out, Matrix<T> lse,
                                 Matrix<T> dout, Matrix<T> dqkv, bool causal) {
  with_operands<T>(operands, [&](auto kind) {
    backward<decltype(kind)>(scratch, qkv, offsets, heads, dropout, out, lse, dout, dqkv, causal);
  });
}

#define JESPR_INSTANTIATE(T)                                                                \
  template void attention_by_tiles<T>(Workspace&, Matrix<T>, const Offsets&, int,           \
                                      const AttentionDropout&, OperandPrecision, Matrix<T>, \
                                      Matrix<T>, bool);                                     \
  template void attention_by_tiles_backward<T>(Workspace&, Matrix<T>, const Offsets&, int,  \
                                               const AttentionDropout&, OperandPrecision,   \
                                               Matrix<T>, Matrix<T>, Matrix<T>, Matrix<T>, bool);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
