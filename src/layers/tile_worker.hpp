// TileWorker: who works on a tile of edges, and the products it does with it. Either all threads (a
// GPU; shapes that do not fill vectors): loops run in parallel and the library multiplies, one
// large tile after the other. Or one thread of a CPU among others that do the same with tiles of
// their own (`for_shares`): small ones that stay in its cache, multiplied by packed weights.
#pragma once

#include <algorithm>
#include <array>
#include <type_traits>

#include "kernels/bf16_tile_products.hpp"
#include "kernels/columns.hpp"
#include "tensor/matmul.hpp"

namespace jespr {

/// Who multiplies tiles: a library; or a thread by packed weights, as they are or rounded to bf16.
enum class TileProducts { by_library, packed, rounded };

/// A weight that tiles of rows are multiplied by. Packed are value^T for y = x w^T and value for
/// dx = dy w.
template <class T>
struct TileWeight {
  Matrix<T> value;  // [O, C]
  const T *packed_columns = nullptr, *packed_rows = nullptr;
  const Bf16Pair *rounded_columns = nullptr, *rounded_rows = nullptr;
};

/// In memory of the context's scratch, where it is packed.
template <class T>
TileWeight<T> tile_weight(Context& context, Matrix<T> value, TileProducts products) {
  TileWeight<T> weight{value};
  if constexpr (device_is_host) {  // a CPU's loop: no GPU shall get it to compile
    if (products == TileProducts::by_library) return weight;
    const auto packed = [&](const char* name, auto* memory, int columns, const auto& pack) {
      constexpr int width = 2 * simd_lanes<T>;
      for_rows(name, (columns + width - 1) / width,
               [=](const Row& panel) { pack(panel.index * width, memory); });
      return memory;
    };
    const int rows = static_cast<int>(value.extent(0)), columns = static_cast<int>(value.extent(1));
    const T* const data = value.data();
    const kernels::Tile<T> turned{data, 1, columns}, plain{data, columns};
    if constexpr (std::is_same_v<T, float>)
      if (products == TileProducts::rounded) {
        const auto round = [&](const char* name, kernels::Tile<T> b, int depth, int width) {
          const auto memory = context.scratch.vector<Bf16Pair>(kernels::packed_pairs(depth, width));
          return packed(name, memory.data(), width, [=](int first, Bf16Pair* to) {
            kernels::pack_pairs(b, depth, width, first, to);
          });
        };
        weight.rounded_columns = round("round columns", turned, columns, rows);
        weight.rounded_rows = round("round rows", plain, rows, columns);
        return weight;
      }
    const auto pack = [&](const char* name, kernels::Tile<T> b, int depth, int width) {
      const auto memory = context.scratch.vector<T>(kernels::packed_size<T>(depth, width));
      return packed(name, memory.data(), width,
                    [=](int first, T* to) { kernels::pack_columns(b, depth, width, first, to); });
    };
    weight.packed_columns = pack("pack columns", turned, columns, rows);
    weight.packed_rows = pack("pack rows", plain, rows, columns);
  }
  return weight;
}

/// Room for the rounded operands of a thread's products.
struct RoundedTile {
  Bf16Pair *left = nullptr, *right = nullptr;

  /// Of at most `rows` rows and `columns` columns.
  template <class Memory>
  static RoundedTile take(Memory& memory, int rows, int columns) {
    const std::size_t by_rows = kernels::left_pairs(rows, columns),
                      by_columns = kernels::left_pairs(columns, rows);
    return {memory.template vector<Bf16Pair>(std::max(by_rows, by_columns)).data(),
            memory.template vector<Bf16Pair>(kernels::packed_pairs(rows, columns)).data()};
  }
};

/// The products of a thread's first tile: what its other tiles do, too.
struct TileLog {
  std::array<ProductCall, 24> calls;
  int number = 0;
  int edges = 0;  // of the tile; 0: not known yet

  /// A product op(A) [m, k] times op(B) [k, n].
  void add(Op op_a, Op op_b, int m, int n, int k, OperandPrecision operands) {
    if (edges == 0)
      calls.at(static_cast<std::size_t>(number++)) = ProductCall{op_a, op_b, m, n, k, operands};
  }
  /// Tells `products` what was done for `all` edges, in pieces of at most `at_once`.
  void report(Products& products, int all, int at_once) const;
};

template <class T>
class TileWorker {
 public:
  /// All threads.
  explicit TileWorker(Context& context) : context_(&context) {}
  /// One thread, which notes its products in `log`, and rounds their operands if it has `room`.
  TileWorker(TileLog& log, const RoundedTile& room) : log_(&log), room_(room) {}

  /// y = x w^T. x [n, C], y [n, O]; in a thread y has room for whole vectors.
  void multiply(Panel<T> x, const TileWeight<T>& w, Panel<T> y) const;
  /// dx = dy w, or with `add` dx += dy w. dy [n, O], dx [n, C], room as above.
  void multiply_back(Panel<T> dy, const TileWeight<T>& w, Panel<T> dx, bool add = false) const;
  /// dw += dy^T x. dw [O, >= C], its rows and those of x whole vectors in a thread.
  void add_weight_gradient(Panel<T> dy, Panel<T> x, Matrix<T> dw) const;
  /// db[c] += sum of dy[i, c].
  void add_bias_gradient(Matrix<T> dy, Vector<T> db) const;

 private:
  OperandPrecision precision() const {
    return room_.left ? OperandPrecision::bf16 : OperandPrecision::working;
  }
  /// y = old + x w, both rounded; `weight` packed.
  template <kernels::Old old>
  void rounded_product(Panel<T> x, const Bf16Pair* weight, Panel<T> y) const;

  Context* context_ = nullptr;
  TileLog* log_ = nullptr;
  RoundedTile room_;
};

}  // namespace jespr
