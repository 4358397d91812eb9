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
#include <utility>

#include "kernels/attention_dropout.hpp"
#include "kernels/math.hpp"
#include "kernels/tile_products.hpp"
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
  /// [D, keys] for each tile of keys, tiles one after the other, rows of whole vectors.
  void pack_transposed(T* out) const {
    for (int j0 = 0; j0 < length; j0 += keys_at_once) {
      const int count = keys_of_tile(length, j0), columns = whole_vectors<T>(count);
      for (int j = 0; j < columns; ++j) {
        if (j < count) prefetch_next(j0 + j);
        for (int d = 0; d < width; ++d)
          out[d * columns + j] = j < count ? rows[(j0 + j) * stride + d] : T(0);
      }
      out += width * columns;
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
double exponentials(T* x, int n, T shift) {
  constexpr int lanes = simd_lanes<T>;
  const int whole = whole_vectors<T>(n);
  for (int j = 0; j < whole; ++j) x[j] = exponential_of_negative(x[j] - shift);
  Simd<T> sums = {};
  for (int j = 0; j < whole; j += lanes) sums += load(x + j);
  T lane[lanes];
  store(lane, sums);
  return std::accumulate(lane, lane + lanes, 0.0);
}

template <class T>
struct ForwardTask {
  Head<T> query, key, value;
  AttentionMasks masks;
  bool causal;
  int identity, head;
  T* out;  // [L, stride_out]
  int stride_out;
  T* lse;  // [L]

  static int memory(int length, int width) {
    return whole_vectors<T>(length) * width +
           (length + 2 * queries_at_once) * whole_vectors<T>(width);
  }

  void run(T* memory) const {
    const int length = key.length, columns = key.padded_width();
    Pieces<T> pieces(memory);
    T* const key_columns = pieces.take(whole_vectors<T>(length) * key.width);
    T* const values = pieces.take(length * columns);
    T* const queries = pieces.take(queries_at_once * columns);
    T* const sums = pieces.take(queries_at_once * columns);
    key.pack_transposed(key_columns);
    value.pack(0, length, values);
    alignas(vector_bytes) T p[queries_at_once * keys_at_once];
    for (int first = 0; first < length; first += queries_at_once) {
      const int rows = std::min(length - first, queries_at_once);
      query.pack(first, rows, queries);
      std::fill(sums, sums + rows * columns, T(0));
      T largest[queries_at_once], factor[queries_at_once];
      double total[queries_at_once] = {};
      std::fill(largest, largest + rows, nothing<T>);
      const int seen = keys_seen(length, first, rows, causal);
      for (int j0 = 0; j0 < seen; j0 += keys_at_once) {
        const int count = keys_of_tile(length, j0), keys = whole_vectors<T>(count);
        tile_product<Old::dropped>(rows, keys, key.width, {queries, columns},
                                   key_columns + j0 * key.width, keys, p, keys_at_once);
        for (int q = 0; q < rows; ++q) {
          T* const row = p + q * keys_at_once;
          cut_tail(row, count);
          for (int j = std::max(0, keys_before(first + q, j0, count, causal)); j < count; ++j)
            row[j] = nothing<T>;
          const T next = std::max(largest[q], row_max(row, count));
          factor[q] = exponential_of_negative(largest[q] - next);
          largest[q] = next;
          total[q] = total[q] * factor[q] + exponentials(row, count, next);
          if (masks.on) drop(first + q, j0, count, row);
        }
        tile_product<Old::scaled>(rows, columns, count, {p, keys_at_once}, values + j0 * columns,
                                  columns, sums, columns, factor);
      }
      for (int q = 0; q < rows; ++q) {
        const T inverse = static_cast<T>(1 / total[q]);
        prefetch(out + (first + q) * stride_out + key.width, key.width);
        for (int d = 0; d < key.width; ++d)
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

template <class T>
struct BackwardTask {
  Head<T> query, key, value, out, dout;
  AttentionMasks masks;
  bool causal;
  int identity, head;
  const T* lse;  // [L]
  T* dquery;     // [L, stride], as dkey and dvalue
  T* dkey;
  T* dvalue;
  int stride;

  static int memory(int length, int width) {
    return 2 * whole_vectors<T>(length) * width +
           (3 * length + 3 * queries_at_once) * whole_vectors<T>(width);
  }

  void run(T* memory) const {
    const int length = key.length, columns = key.padded_width();
    Pieces<T> pieces(memory);
    T* const key_columns = pieces.take(whole_vectors<T>(length) * key.width);
    T* const value_columns = pieces.take(whole_vectors<T>(length) * key.width);
    T* const key_rows = pieces.take(length * columns);
    T* const dkeys = pieces.take(length * columns);
    T* const dvalues = pieces.take(length * columns);
    T* const queries = pieces.take(queries_at_once * columns);
    T* const douts = pieces.take(queries_at_once * columns);
    T* const dqueries = pieces.take(queries_at_once * columns);
    key.pack_transposed(key_columns);
    value.pack_transposed(value_columns);
    key.pack(0, length, key_rows);
    std::fill(dkeys, dkeys + length * columns, T(0));
    std::fill(dvalues, dvalues + length * columns, T(0));
    alignas(vector_bytes) T p[queries_at_once * keys_at_once], g[queries_at_once * keys_at_once];
    for (int first = 0; first < length; first += queries_at_once) {
      const int rows = std::min(length - first, queries_at_once);
      query.pack(first, rows, queries);
      dout.pack(first, rows, douts);
      std::fill(dqueries, dqueries + rows * columns, T(0));
      T centre[queries_at_once];
      for (int q = 0; q < rows; ++q) centre[q] = centre_of(first + q);
      const int seen = keys_seen(length, first, rows, causal);
      for (int j0 = 0; j0 < seen; j0 += keys_at_once) {
        const int count = keys_of_tile(length, j0), keys = whole_vectors<T>(count);
        tile_product<Old::dropped>(rows, keys, key.width, {queries, columns},
                                   key_columns + j0 * key.width, keys, p, keys_at_once);
        tile_product<Old::dropped>(rows, keys, key.width, {douts, columns},
                                   value_columns + j0 * key.width, keys, g, keys_at_once);
        for (int q = 0; q < rows; ++q)
          score_gradients(first + q, j0, count, centre[q], p + q * keys_at_once,
                          g + q * keys_at_once);
        tile_product<Old::kept>(count, columns, rows, {p, 1, keys_at_once}, douts, columns,
                                dvalues + j0 * columns, columns);
        tile_product<Old::kept>(count, columns, rows, {g, 1, keys_at_once}, queries, columns,
                                dkeys + j0 * columns, columns);
        tile_product<Old::kept>(rows, columns, count, {g, keys_at_once}, key_rows + j0 * columns,
                                columns, dqueries, columns);
      }
      for (int q = 0; q < rows; ++q) unpack(dqueries + q * columns, dquery + (first + q) * stride);
    }
    for (int j = 0; j < length; ++j) {
      unpack(dkeys + j * columns, dkey + j * stride);
      unpack(dvalues + j * columns, dvalue + j * stride);
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
template <class T, class Task, class Make>
void run_tasks(const char* name, Workspace& scratch, const Offsets& offsets, int heads, int width,
               const Make& make) {
  Scope scope(scratch);
  using Host = Kokkos::DefaultHostExecutionSpace;
  const Kokkos::Experimental::UniqueToken<Host> threads(handle_of<Host>());
  const auto size =
      static_cast<std::size_t>(whole_vectors<T>(Task::memory(offsets.longest, width)));
  const Matrix<T> memory = scratch.matrix<T>(static_cast<std::size_t>(threads.size()), size);
  const std::span<const int> proteins = by_length(scratch, offsets);
  const int tasks = offsets.proteins() * heads;
  // Heads that follow each other share cache lines and pages; 16 shares for each thread even out.
  const int at_once = std::max(1, tasks / (16 * threads.size()));
  const int* const order = proteins.data();
  const int* const starts = offsets.host.data();
  T* const memories = memory.data();
  Kokkos::parallel_for(
      loop_name(name),
      range_of<Host, Kokkos::Schedule<Kokkos::Dynamic>>(static_cast<std::size_t>(tasks))
          .set_chunk_size(at_once),
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
                        const AttentionDropout& dropout, Matrix<T> out, Matrix<T> lse,
                        bool causal) {
  const int n = offsets.rows(), width = static_cast<int>(out.extent(1)), head_width = width / heads;
  const AttentionMasks masks(dropout);
  const int* const identity = offsets.identity.data();
  const auto make = [=](int b, int first, int rows, int h) {
    const auto part = [&](int k) {
      return Head<T>{&qkv(first, k * width + h * head_width), 3 * width, rows, head_width};
    };
    return ForwardTask<T>{part(0), part(1),
                          part(2), masks,
                          causal,  identity[b],
                          h,       &out(first, h * head_width),
                          width,   lse.data() + static_cast<std::size_t>(h) * n + first};
  };
  run_tasks<T, ForwardTask<T>>("attention", scratch, offsets, heads, head_width, make);
}

template <class T>
void attention_by_tiles_backward(Workspace& scratch, Matrix<T> qkv, const Offsets& offsets,
                                 int heads, const AttentionDropout& dropout, Matrix<T> out,
                                 Matrix<T> lse, Matrix<T> dout, Matrix<T> dqkv, bool causal) {
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
                           causal,
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
                                      const AttentionDropout&, Matrix<T>, Matrix<T>, bool);   \
  template void attention_by_tiles_backward<T>(Workspace&, Matrix<T>, const Offsets&, int,    \
                                               const AttentionDropout&, Matrix<T>, Matrix<T>, \
                                               Matrix<T>, Matrix<T>, bool);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
