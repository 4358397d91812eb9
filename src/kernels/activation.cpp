// Bias and activation.
#include "kernels/activation.hpp"

#include "kernels/math.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {
namespace {

template <class T, class F>
void map_rows(const char* name, Matrix<T> h, Vector<T> b, Matrix<T> y, const F& f) {
  const int columns = static_cast<int>(h.extent(1));
  for_rows(
      name, static_cast<int>(h.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        row.for_each(columns, [&](int c) {
          const T value = h(i, c) + b(c);
          h(i, c) = value;
          y(i, c) = f(value);
        });
      });
}

}  // namespace

template <class T>
void add_bias(Matrix<T> y, Vector<T> b) {
  const int columns = static_cast<int>(y.extent(1));
  for_rows(
      "add bias", static_cast<int>(y.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        row.for_each(columns, [&](int c) { y(i, c) += b(c); });
      });
}

template <class T>
void bias_activation(Activation act, Matrix<T> h, Vector<T> b, Matrix<T> y) {
  switch (act) {
    case Activation::none:
      return map_rows(
          "bias", h, b, y, KOKKOS_LAMBDA(T x) { return x; });
    case Activation::relu:
      return map_rows(
          "bias relu", h, b, y, KOKKOS_LAMBDA(T x) { return x > 0 ? x : T(0); });
    case Activation::gelu:
      return map_rows(
          "bias gelu", h, b, y, KOKKOS_LAMBDA(T x) { return gelu(x); });
    case Activation::tanh:
      return map_rows(
          "bias tanh", h, b, y, KOKKOS_LAMBDA(T x) { return Kokkos::tanh(x); });
  }
}

template <class T>
void activation_backward(Activation act, Matrix<T> h, Matrix<T> y, Matrix<T> dy, Matrix<T> dh) {
  const int columns = static_cast<int>(dy.extent(1));
  const int n = static_cast<int>(dy.extent(0));
  switch (act) {
    case Activation::none:
      if (dh.data() != dy.data()) Kokkos::deep_copy(dh, dy);
      return;
    case Activation::relu:
      return for_rows(
          "relu backward", n, KOKKOS_LAMBDA(const Row& row) {
            const int i = row.index;
            row.for_each(columns, [&](int c) { dh(i, c) = y(i, c) > 0 ? dy(i, c) : T(0); });
          });
    case Activation::gelu:
      return for_rows(
          "gelu backward", n, KOKKOS_LAMBDA(const Row& row) {
            const int i = row.index;
            row.for_each(columns, [&](int c) { dh(i, c) = dy(i, c) * gelu_derivative(h(i, c)); });
          });
    case Activation::tanh:
      return for_rows(
          "tanh backward", n, KOKKOS_LAMBDA(const Row& row) {
            const int i = row.index;
            row.for_each(columns, [&](int c) { dh(i, c) = dy(i, c) * (T(1) - y(i, c) * y(i, c)); });
          });
  }
}

template <class T>
void add(Matrix<T> x, Matrix<T> y, Matrix<T> z) {
  const int columns = static_cast<int>(x.extent(1));
  for_rows(
      "add", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        row.for_each(columns, [&](int c) { z(i, c) = x(i, c) + y(i, c); });
      });
}

#define JESPR_INSTANTIATE(T)                                                                    \
  template void add_bias<T>(Matrix<T>, Vector<T>);                                              \
  template void bias_activation<T>(Activation, Matrix<T>, Vector<T>, Matrix<T>);                \
  template void activation_backward<T>(Activation, Matrix<T>, Matrix<T>, Matrix<T>, Matrix<T>); \
  template void add<T>(Matrix<T>, Matrix<T>, Matrix<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
