// Attention by tiles. Letters: L rows of the protein, D head width, both padded with zeros to whole
// vectors; Q = tile_rows queries and `keys_at_once` keys in a tile.
#include "kernels/attention_tiles.hpp"

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/attention_dropout.hpp"
#include "kernels/math.hpp"
#include "kernels/tile_products.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {
namespace {

constexpr int Q = tile_rows;
constexpr int keys_at_once = 128;  // of a tile: [Q, 128] scores stay in the first cache

template <class T>
constexpr int padded_keys(int rows) {
  const int step = 2 * simd_lanes<T>;
  return (rows + step - 1) / step * step;
}

/// The tasks, the longest proteins first, so that no thread is left with a long one at the end.
std::vector<int> by_length(const Offsets& offsets) {
  std::vector<int> proteins(static_cast<std::size_t>(offsets.proteins()));
  std::iota(proteins.begin(), proteins.end(), 0);
  const auto rows = [&](int b) {
    return offsets.host[static_cast<std::size_t>(b) + 1] -
           offsets.host[static_cast<std::size_t>(b)];
  };
  std::stable_sort(proteins.begin(), proteins.end(),
                   [&](int a, int b) { return rows(a) > rows(b); });
  return proteins;
}

/// Memory of one thread, cut into arrays one after the other.
template <class T>
class Pieces {
 public:
  explicit Pieces(T* memory) : next_(memory) {}
  T* take(int elements) {
    T* const piece = next_;
    next_ += elements;
    return piece;
  }

 private:
  T* next_;
};

/// One head of one protein in the packed arrays.
template <class T>
struct Head {
  const T* rows;  // [L, stride]: the head's columns of queries, keys or values
  int stride, length, width;

  int padded_length() const { return padded_keys<T>(length); }
  int padded_width() const { return whole_vectors<T>(width); }

  /// `count` rows from `first` on as rows of whole vectors, zeros beyond the end.
  void pack(int first, int count, T* out) const {
    const int columns = padded_width(), there = std::min(count, length - first);
    for (int i = 0; i < there; ++i)
      for (int d = 0; d < columns; ++d)
        out[i * columns + d] = d < width ? rows[(first + i) * stride + d] : T(0);
    std::fill(out + there * columns, out + count * columns, T(0));
  }
  /// [D, L], rows of whole vectors.
  void pack_transposed(T* out) const {
    const int columns = padded_length();
    for (int d = 0; d < width; ++d) {
      for (int i = 0; i < length; ++i) out[d * columns + i] = rows[i * stride + d];
      std::fill(out + d * columns + length, out + (d + 1) * columns, T(0));
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
  T lane[lanes];
  store(lane, largest);
  return *std::max_element(lane, lane + lanes);
}

/// Sets x[j] = exp(x[j] - shift) for j < n, the tail cut, and returns their sum.
template <class T>
T exponentials(T* x, int n, T shift) {
  constexpr int lanes = simd_lanes<T>;
  const int whole = whole_vectors<T>(n);
  for (int j = 0; j < whole; ++j) x[j] = exponential(x[j] - shift);
  Simd<T> sums = {};
  for (int j = 0; j < whole; j += lanes) sums += load(x + j);
  T lane[lanes];
  store(lane, sums);
  return std::accumulate(lane, lane + lanes, T(0));
}

template <class T>
struct ForwardTask {
  Head<T> query, key, value;
  AttentionMasks masks;
  int identity, head;
  T* out;  // [L, stride_out]
  int stride_out;
  T* lse;  // [L]

  static int memory(int length, int width) {
    return padded_keys<T>(length) * width + (length + 2 * Q) * whole_vectors<T>(width);
  }

  void run(T* memory) const {
    const int length = key.length, keys = key.padded_length(), columns = key.padded_width();
    Pieces<T> pieces(memory);
    T* const key_columns = pieces.take(keys * key.width);
    T* const values = pieces.take(length * columns);
    T* const queries = pieces.take(Q * columns);
    T* const sums = pieces.take(Q * columns);
    key.pack_transposed(key_columns);
    value.pack(0, length, values);
    for (int first = 0; first < length; first += Q) {
      query.pack(first, Q, queries);
      std::fill(sums, sums + Q * columns, T(0));
      T largest[Q], total[Q] = {}, factor[Q] = {};
      for (int j0 = 0; j0 < length; j0 += keys_at_once) {
        const int count = std::min(length - j0, keys_at_once);
        alignas(vector_bytes) T p[Q * keys_at_once];
        tile_product(queries, columns, key_columns + j0, keys, key.width, padded_keys<T>(count), p,
                     keys_at_once);
        for (int q = 0; q < Q; ++q) {
          T* const row = p + q * keys_at_once;
          cut_tail(row, count);
          const T here = row_max(row, count);
          const T next = j0 == 0 || here > largest[q] ? here : largest[q];
          factor[q] = j0 == 0 ? T(0) : exponential(largest[q] - next);
          largest[q] = next;
          total[q] = total[q] * factor[q] + exponentials(row, count, next);
          if (masks.on && first + q < length) drop(first + q, j0, count, row);
        }
        add_tile_product(factor, p, keys_at_once, values + j0 * columns, columns, count, columns,
                         sums, columns);
      }
      for (int q = 0; q < Q && first + q < length; ++q) {
        const T inverse = T(1) / total[q];
        for (int d = 0; d < key.width; ++d)
          out[(first + q) * stride_out + d] = sums[q * columns + d] * inverse;
        lse[first + q] = largest[q] + std::log(total[q]);
      }
    }
  }

  void drop(int row, int j0, int count, T* p) const {
    T mask[keys_at_once];
    masks.factors(identity, head, row, j0, count, mask);
    for (int j = 0; j < count; ++j) p[j] *= mask[j];
  }
};

template <class T>
struct BackwardTask {
  Head<T> query, key, value, out, dout;
  AttentionMasks masks;
  int identity, head;
  const T* lse;  // [L]
  T* dquery;     // [L, stride], as dkey and dvalue
  T* dkey;
  T* dvalue;
  int stride;

  static int memory(int length, int width) {
    const int columns = whole_vectors<T>(width);
    return 2 * padded_keys<T>(length) * width + (3 * length + 3 * Q) * columns;
  }

  void run(T* memory) const {
    const int length = key.length, keys = key.padded_length(), columns = key.padded_width();
    Pieces<T> pieces(memory);
    T* const key_columns = pieces.take(keys * key.width);
    T* const value_columns = pieces.take(keys * key.width);
    T* const key_rows = pieces.take(length * columns);
    T* const dkeys = pieces.take(length * columns);
    T* const dvalues = pieces.take(length * columns);
    T* const queries = pieces.take(Q * columns);
    T* const douts = pieces.take(Q * columns);
    T* const dqueries = pieces.take(Q * columns);
    key.pack_transposed(key_columns);
    value.pack_transposed(value_columns);
    key.pack(0, length, key_rows);
    std::fill(dkeys, dkeys + length * columns, T(0));
    std::fill(dvalues, dvalues + length * columns, T(0));
    for (int first = 0; first < length; first += Q) {
      query.pack(first, Q, queries);
      dout.pack(first, Q, douts);
      std::fill(dqueries, dqueries + Q * columns, T(0));
      T one[Q];
      std::fill(one, one + Q, T(1));
      for (int j0 = 0; j0 < length; j0 += keys_at_once) {
        const int count = std::min(length - j0, keys_at_once);
        alignas(vector_bytes) T p[Q * keys_at_once], g[Q * keys_at_once];
        tile_product(queries, columns, key_columns + j0, keys, key.width, padded_keys<T>(count), p,
                     keys_at_once);
        tile_product(douts, columns, value_columns + j0, keys, key.width, padded_keys<T>(count), g,
                     keys_at_once);
        for (int q = 0; q < Q; ++q)
          if (first + q < length)
            score_gradients(first + q, j0, count, p + q * keys_at_once, g + q * keys_at_once);
        add_outer_product(p, keys_at_once, douts, columns, count, columns, dvalues + j0 * columns,
                          columns);
        add_outer_product(g, keys_at_once, queries, columns, count, columns, dkeys + j0 * columns,
                          columns);
        add_tile_product(one, g, keys_at_once, key_rows + j0 * columns, columns, count, columns,
                         dqueries, columns);
      }
      for (int q = 0; q < Q && first + q < length; ++q)
        std::copy_n(dqueries + q * columns, key.width, dquery + (first + q) * stride);
    }
    for (int j = 0; j < length; ++j) {
      std::copy_n(dkeys + j * columns, key.width, dkey + j * stride);
      std::copy_n(dvalues + j * columns, key.width, dvalue + j * stride);
    }
  }

  /// From scores and g_ij = dout_i . v_j to (masked) probabilities and gradients of the scores.
  void score_gradients(int row, int j0, int count, T* p, T* g) const {
    T centre = 0;
    for (int d = 0; d < key.width; ++d)
      centre += dout.rows[row * dout.stride + d] * out.rows[row * out.stride + d];
    T mask[keys_at_once];
    if (masks.on)
      masks.factors(identity, head, row, j0, count, mask);
    else
      std::fill(mask, mask + count, T(1));
    const T shift = lse[row];
    for (int j = 0; j < count; ++j) {
      const T probability = exponential(p[j] - shift);
      g[j] = probability * (g[j] * mask[j] - centre);
      p[j] = probability * mask[j];
    }
  }
};

/// Runs one task for each head of each protein: `make(protein, first row, rows, head)`.
template <class T, class Task, class Make>
void run_tasks(const char* name, Workspace& scratch, const Offsets& offsets, int heads, int width,
               const Make& make) {
  Scope scope(scratch);
  Kokkos::Experimental::UniqueToken<Kokkos::DefaultHostExecutionSpace> threads;
  const auto size =
      static_cast<std::size_t>(whole_vectors<T>(Task::memory(offsets.longest, width)));
  const Matrix<T> memory = scratch.matrix<T>(static_cast<std::size_t>(threads.size()), size);
  const std::vector<int> proteins = by_length(offsets);
  const int tasks = offsets.proteins() * heads;
  const int* const order = proteins.data();
  const int* const starts = offsets.host.data();
  T* const memories = memory.data();
  Kokkos::parallel_for(
      name,
      Kokkos::RangePolicy<Kokkos::DefaultHostExecutionSpace, Kokkos::Schedule<Kokkos::Dynamic>>(
          0, tasks, Kokkos::ChunkSize(1)),
      [=](const int task) {
        const int b = order[task / heads];
        const int thread = threads.acquire();
        make(b, starts[b], starts[b + 1] - starts[b], task % heads)
            .run(memories + static_cast<std::size_t>(thread) * size);
        threads.release(thread);
      });
}

}  // namespace

template <class T>
void attention_by_tiles(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets, int heads,
                        const AttentionDropout& dropout, Matrix<T> out, Matrix<T> lse) {
  const int n = offsets.rows(), width = static_cast<int>(out.extent(1)), head_width = width / heads;
  const AttentionMasks masks(dropout);
  const int* const identity = offsets.identity.data();
  const auto make = [=](int b, int first, int rows, int h) {
    const auto part = [&](int k) {
      return Head<T>{&qkv(first, k * width + h * head_width), 3 * width, rows, head_width};
    };
    return ForwardTask<T>{part(0),
                          part(1),
                          part(2),
                          masks,
                          identity[b],
                          h,
                          &out(first, h * head_width),
                          width,
                          lse.data() + static_cast<std::size_t>(h) * n + first};
  };
  run_tasks<T, ForwardTask<T>>("attention", scratch, offsets, heads, head_width, make);
}

template <class T>
void attention_by_tiles_backward(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets,
                                 int heads, const AttentionDropout& dropout, Matrix<T> out,
                                 Matrix<T> lse, Matrix<T> dout, Matrix<T> dqkv) {
  const int n = offsets.rows(), width = static_cast<int>(out.extent(1)), head_width = width / heads;
  const AttentionMasks masks(dropout);
  const int* const identity = offsets.identity.data();
  const auto make = [=](int b, int first, int rows, int h) {
    const int column = h * head_width;
    const auto part = [&](int k) {
      return Head<T>{&qkv(first, k * width + column), 3 * width, rows, head_width};
    };
    return BackwardTask<T>{part(0),
                           part(1),
                           part(2),
                           Head<T>{&out(first, column), width, rows, head_width},
                           Head<T>{&dout(first, column), width, rows, head_width},
                           masks,
                           identity[b],
                           h,
                           lse.data() + static_cast<std::size_t>(h) * n + first,
                           &dqkv(first, column),
                           &dqkv(first, width + column),
                           &dqkv(first, 2 * width + column),
                           3 * width};
  };
  run_tasks<T, BackwardTask<T>>("attention backward", scratch, offsets, heads, head_width, make);
}

#define JESPR_INSTANTIATE(T)                                                                  \
  template void attention_by_tiles<T>(Workspace&, Matrix<T>, const Offsets&, int,             \
                                      const AttentionDropout&, Matrix<T>, Matrix<T>);         \
  template void attention_by_tiles_backward<T>(Workspace&, Matrix<T>, const Offsets&, int,    \
                                               const AttentionDropout&, Matrix<T>, Matrix<T>, \
                                               Matrix<T>, Matrix<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
