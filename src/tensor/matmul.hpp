// Matrix products of views. A panel is a matrix whose rows may lie further apart than they are
// long: a column slice of a weight, or of a packed qkv array.
#pragma once

#include "tensor/context.hpp"
#include "tensor/views.hpp"

namespace jespr {

template <class T>
struct Panel {
  T* data;
  int rows;
  int columns;
  int stride;  // elements between rows
};

template <class T>
Panel<T> panel(const Matrix<T>& m) {
  const int columns = static_cast<int>(m.extent(1));
  return {m.data(), static_cast<int>(m.extent(0)), columns, columns};
}
template <class T>
Panel<T> panel(const Panel<T>& p) {
  return p;
}
/// Columns [first, first + count) of a matrix.
template <class T>
Panel<T> columns_of(const Matrix<T>& m, int first, int count) {
  return {m.data() + first, static_cast<int>(m.extent(0)), count, static_cast<int>(m.extent(1))};
}

namespace detail {
template <class A, class B, class C, class T>
void product(Context& context, Op op_a, const A& a_like, Op op_b, const B& b_like, const C& c_like,
             T alpha, T beta) {
  const auto a = panel(a_like);
  const auto b = panel(b_like);
  const auto c = panel(c_like);
  const int inner = op_a == Op::plain ? a.columns : a.rows;
  const int a_rows = op_a == Op::plain ? a.rows : a.columns;
  const int b_inner = op_b == Op::plain ? b.rows : b.columns;
  const int b_columns = op_b == Op::plain ? b.columns : b.rows;
  if (inner != b_inner || a_rows != c.rows || b_columns != c.columns)
    fail(Exit::runtime, "bug: product of shapes that do not fit");
  context.products.template gemm<T>(op_a, op_b, c.rows, c.columns, inner, alpha, a.data, a.stride,
                                    b.data, b.stride, beta, c.data, c.stride);
}
template <class C>
using Element = std::remove_const_t<std::remove_pointer_t<decltype(panel(std::declval<C>()).data)>>;
}  // namespace detail

/// c = alpha a b^T + beta c.  a [M, K], b [N, K], c [M, N].
template <class A, class B, class C, class T = detail::Element<C>>
void matmul_nt(Context& context, const A& a, const B& b, const C& c, T beta = 0, T alpha = 1) {
  detail::product(context, Op::plain, a, Op::transposed, b, c, alpha, beta);
}
/// c = alpha a b + beta c.  a [M, K], b [K, N], c [M, N].
template <class A, class B, class C, class T = detail::Element<C>>
void matmul_nn(Context& context, const A& a, const B& b, const C& c, T beta = 0, T alpha = 1) {
  detail::product(context, Op::plain, a, Op::plain, b, c, alpha, beta);
}
/// c = alpha a^T b + beta c.  a [K, M], b [K, N], c [M, N].
template <class A, class B, class C, class T = detail::Element<C>>
void matmul_tn(Context& context, const A& a, const B& b, const C& c, T beta = 0, T alpha = 1) {
  detail::product(context, Op::transposed, a, Op::plain, b, c, alpha, beta);
}

}  // namespace jespr
