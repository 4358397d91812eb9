// Bias and activation.
#include "kernels/activation.hpp"

#include "kernels/columns.hpp"
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

/// Derivatives of the activations at element (i, c).
template <class T>
struct ReluDerivative {
  static constexpr const char* name = "relu backward";
  Matrix<T> y;
  KOKKOS_FUNCTION T operator()(int i, int c) const { return y(i, c) > 0 ? T(1) : T(0); }
};
template <class T>
struct GeluDerivative {
  static constexpr const char* name = "gelu backward";
  Matrix<T> h;
  KOKKOS_FUNCTION T operator()(int i, int c) const { return gelu_derivative(h(i, c)); }
};
template <class T>
struct TanhDerivative {
  static constexpr const char* name = "tanh backward";
  Matrix<T> y;
  KOKKOS_FUNCTION T operator()(int i, int c) const { return T(1) - y(i, c) * y(i, c); }
};

/// use(derivative), unless there is no activation.
template <class T, class Use>
void with_derivative(Activation act, Matrix<T> h, Matrix<T> y, const Use& use) {
  switch (act) {
    case Activation::none:
      return;
    case Activation::relu:
      return use(ReluDerivative<T>{y});
    case Activation::gelu:
      return use(GeluDerivative<T>{h});
    case Activation::tanh:
      return use(TanhDerivative<T>{y});
  }
}

template <class T, class Derivative>
void scale_by(const Derivative& derivative, Matrix<T> dy, Matrix<T> dh) {
  const int columns = static_cast<int>(dy.extent(1));
  for_rows(
      Derivative::name, static_cast<int>(dy.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        row.for_each(columns, [&](int c) { dh(i, c) = dy(i, c) * derivative(i, c); });
      });
}

/// As `scale_by` in place, with the sums of the columns of the result added to `dbias`.
template <class T, class Derivative>
void scale_and_sum(Workspace& scratch, const Derivative& derivative, Matrix<T> dy,
                   Vector<T> dbias) {
  add_column_sums<T>(
      Derivative::name, scratch, static_cast<int>(dy.extent(0)), static_cast<int>(dy.extent(1)),
      dbias, KOKKOS_LAMBDA(int i, int c) {
        const T value = dy(i, c) * derivative(i, c);
        dy(i, c) = value;
        return value;
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
  if (act == Activation::none && dh.data() != dy.data()) copy(dh, dy);
  with_derivative(act, h, y, [&](const auto& derivative) { scale_by(derivative, dy, dh); });
}

template <class T>
void activation_and_bias_backward(Workspace& scratch, Activation act, Matrix<T> h, Matrix<T> y,
                                  Matrix<T> dy, Vector<T> dbias) {
  if (act == Activation::none) add_column_sums(scratch, dy, dbias);
  with_derivative(act, h, y,
                  [&](const auto& derivative) { scale_and_sum(scratch, derivative, dy, dbias); });
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
  template void activation_and_bias_backward<T>(Workspace&, Activation, Matrix<T>, Matrix<T>,   \
                                                Matrix<T>, Vector<T>);                          \
  template void add<T>(Matrix<T>, Matrix<T>, Matrix<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
