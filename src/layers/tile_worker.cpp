// TileWorker.
#include "layers/tile_worker.hpp"

#include "kernels/tile_operands.hpp"

namespace jespr {
namespace {

template <class T>
kernels::Tile<T> tile(const Panel<T>& x) {
  return {x.data, x.stride};
}

}  // namespace

void TileLog::report(Products& products, int all, int at_once) const {
  for (int begin = 0; edges > 0 && begin < all; begin += at_once) {
    const int piece = std::min(at_once, all - begin);
    for (int i = 0; i < number; ++i) {
      ProductCall call = calls[static_cast<std::size_t>(i)];
      int& rows = call.op_a == Op::plain ? call.m : call.k;  // edges or their vector components
      rows = rows / edges * piece;
      call.by_library = false;
      products.count(call);
    }
  }
}

template <class T>
template <kernels::Old old>
void TileWorker<T>::rounded_product(Panel<T> x, const Bf16Pair* weight, Panel<T> y) const {
  const auto left = kernels::round_rows(x.data, x.stride, x.rows, x.columns, room_.left);
  kernels::pair_product<old>(x.rows, whole_vectors<T>(y.columns), kernels::whole_pairs(x.columns),
                             left, weight, y.data, y.stride);
}

template <class T>
void TileWorker<T>::multiply(Panel<T> x, const TileWeight<T>& w, Panel<T> y) const {
  if (context_) {
    matmul_nt(*context_, x, w.value, y);
    return;
  }
  log_->add(Op::plain, Op::transposed, x.rows, y.columns, x.columns, precision());
  if constexpr (std::is_same_v<T, float>)
    if (room_.left) return rounded_product<kernels::Old::dropped>(x, w.rounded_columns, y);
  kernels::packed_product<kernels::Old::dropped>(x.rows, whole_vectors<T>(y.columns), x.columns,
                                                 tile(x), w.packed_columns, y.data, y.stride);
}

template <class T>
void TileWorker<T>::multiply_back(Panel<T> dy, const TileWeight<T>& w, Panel<T> dx,
                                  bool add) const {
  if (context_) {
    matmul_nn(*context_, dy, w.value, dx, T(add));
    return;
  }
  log_->add(Op::plain, Op::plain, dy.rows, dx.columns, dy.columns, precision());
  if constexpr (std::is_same_v<T, float>)
    if (room_.left)
      return add ? rounded_product<kernels::Old::kept>(dy, w.rounded_rows, dx)
                 : rounded_product<kernels::Old::dropped>(dy, w.rounded_rows, dx);
  const auto product = [&]<kernels::Old old>() {
    kernels::packed_product<old>(dy.rows, whole_vectors<T>(dx.columns), dy.columns, tile(dy),
                                 w.packed_rows, dx.data, dx.stride);
  };
  add ? product.template operator()<kernels::Old::kept>()
      : product.template operator()<kernels::Old::dropped>();
}

template <class T>
void TileWorker<T>::add_weight_gradient(Panel<T> dy, Panel<T> x, Matrix<T> dw) const {
  if (context_) {
    matmul_tn(*context_, dy, x, columns_of(dw, 0, x.columns), T(1));
    return;
  }
  log_->add(Op::transposed, Op::plain, dy.columns, x.columns, dy.rows, precision());
  if constexpr (std::is_same_v<T, float>)
    if (room_.left) {
      const auto left =
          kernels::round_transposed(dy.data, dy.stride, dy.rows, dy.columns, room_.left);
      kernels::RoundedPairs::pack(tile(x), x.rows, x.columns, room_.right);
      return kernels::pair_product<kernels::Old::kept>(
          dy.columns, whole_vectors<T>(x.columns), kernels::whole_pairs(dy.rows), left, room_.right,
          dw.data(), static_cast<int>(dw.extent(1)));
    }
  kernels::tile_product<kernels::Old::kept>(dy.columns, whole_vectors<T>(x.columns), dy.rows,
                                            {dy.data, 1, dy.stride}, x.data, x.stride, dw.data(),
                                            static_cast<int>(dw.extent(1)));
}

template <class T>
void TileWorker<T>::add_bias_gradient(Matrix<T> dy, Vector<T> db) const {
  if (context_) return kernels::add_column_sums(context_->scratch, dy, db);
  const int columns = static_cast<int>(dy.extent(1));
  for (std::size_t i = 0; i < dy.extent(0); ++i)
    for (int c = 0; c < columns; ++c) db(c) += dy(i, c);
}

template class TileWorker<float>;
template class TileWorker<double>;

}  // namespace jespr
