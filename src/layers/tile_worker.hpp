// TileWorker: who works on a tile of edges, and the products it does with it. Either all threads (a
// GPU; shapes that do not fill vectors): loops run in parallel and the library multiplies, one
// large tile after the other. Or one thread of a CPU among others that do the same with tiles of
// their own (`for_shares`): small ones that stay in its cache, multiplied by packed weights.
#pragma once

#include <algorithm>
#include <array>

#include "kernels/columns.hpp"
#include "kernels/tile_products.hpp"
#include "tensor/matmul.hpp"

namespace jespr {

/// A weight that tiles of rows are multiplied by.
template <class T>
struct TileWeight {
  Matrix<T> value;                    // [O, C]
  const T* packed_columns = nullptr;  // value^T, packed, for y = x w^T; null where a library works
  const T* packed_rows = nullptr;     // value, packed, for dx = dy w
};

/// Packed for a thread's tiles, if wanted; memory from the context's scratch.
template <class T>
TileWeight<T> tile_weight(Context& context, Matrix<T> value, bool packed) {
  TileWeight<T> weight{value};
  if constexpr (device_is_host) {  // a CPU's loop: no GPU shall get it to compile
    if (!packed) return weight;
    const auto pack = [&](const char* name, kernels::Tile<T> b, int depth, int columns) {
      const Vector<T> out = context.scratch.vector<T>(kernels::packed_size<T>(depth, columns));
      constexpr int width = 2 * simd_lanes<T>;
      T* const to = out.data();
      for_rows(name, (columns + width - 1) / width, [=](const Row& panel) {
        kernels::pack_columns(b, depth, columns, panel.index * width, to);
      });
      return to;
    };
    const int rows = static_cast<int>(value.extent(0)), columns = static_cast<int>(value.extent(1));
    const T* const data = value.data();
    weight.packed_columns = pack("pack columns", {data, 1, columns}, columns, rows);
    weight.packed_rows = pack("pack rows", {data, columns}, rows, columns);
  }
  return weight;
}

/// The products of a thread's first tile: what its other tiles do, too.
struct TileLog {
  std::array<ProductCall, 24> calls;
  int number = 0;
  int edges = 0;  // of the tile; 0: not known yet

  /// A product op(A) [m, k] times op(B) [k, n].
  void add(Op op_a, Op op_b, int m, int n, int k) {
    if (edges == 0) calls.at(static_cast<std::size_t>(number++)) = ProductCall{op_a, op_b, m, n, k};
  }
  /// Tells `products` what was done for `all` edges, in pieces of at most `at_once`.
  void report(Products& products, int all, int at_once) const;
};

template <class T>
class TileWorker {
 public:
  /// All threads.
  explicit TileWorker(Context& context) : context_(&context) {}
  /// One thread, which notes its products in `log`.
  explicit TileWorker(TileLog& log) : log_(&log) {}

  /// y = x w^T. x [n, C], y [n, O]; in a thread y has room for whole vectors.
  void multiply(Panel<T> x, const TileWeight<T>& w, Panel<T> y) const;
  /// dx = dy w, or with `add` dx += dy w. dy [n, O], dx [n, C], room as above.
  void multiply_back(Panel<T> dy, const TileWeight<T>& w, Panel<T> dx, bool add = false) const;
  /// dw += dy^T x. dw [O, >= C], its rows and those of x whole vectors in a thread.
  void add_weight_gradient(Panel<T> dy, Panel<T> x, Matrix<T> dw) const;
  /// db[c] += sum of dy[i, c].
  void add_bias_gradient(Matrix<T> dy, Vector<T> db) const;

 private:
  Context* context_ = nullptr;
  TileLog* log_ = nullptr;
};

}  // namespace jespr
