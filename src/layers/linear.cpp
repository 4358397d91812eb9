// Linear.
#include "layers/linear.hpp"

#include <cmath>

namespace jespr {

template <class P>
Linear<P> Linear<P>::add(ParameterStore<P>& store, const std::string& name, int inputs, int outputs,
                         Init weight_init, Init bias_init, bool with_bias) {
  Linear linear;
  linear.weight = Weight<P>(store.add(name + ".weight", {outputs, inputs}, weight_init));
  if (with_bias) linear.bias = Weight<P>(store.add(name + ".bias", {outputs}, bias_init));
  return linear;
}

template <class P>
Linear<P> Linear<P>::add(ParameterStore<P>& store, const std::string& name, int inputs, int outputs,
                         bool with_bias) {
  const Init init = Init::uniform(1.0 / std::sqrt(static_cast<double>(inputs)));
  return add(store, name, inputs, outputs, init, init, with_bias);
}

template <class P>
Matrix<typename P::Real> Linear<P>::product(Context& context, Matrix<Real> x, Saved& saved) const {
  saved.x = x;
  saved.h = saved.y = context.saved.matrix<Real>(x.extent(0), weight.rows);
  matmul_nt(context, x, weight.value(), saved.h);
  return saved.h;
}

template <class P>
Matrix<typename P::Real> Linear<P>::forward(Context& context, Matrix<Real> x, Saved& saved) const {
  product(context, x, saved);
  if (activation == Activation::gelu)
    saved.y = context.saved.matrix<Real>(x.extent(0), weight.rows);
  if (bias.exists()) kernels::bias_activation(activation, saved.h, flat(bias.value()), saved.y);
  return saved.y;
}

template <class P>
void Linear<P>::backward_parameters(Context& context, const Saved& saved, Matrix<Real> dy) const {
  if (bias.exists() && bias.trainable())
    kernels::activation_and_bias_backward(context.scratch, activation, saved.h, saved.y, dy,
                                          flat(bias.gradient()));
  else
    kernels::activation_backward(activation, saved.h, saved.y, dy, dy);
  if (weight.trainable()) matmul_tn(context, dy, saved.x, weight.gradient(), Real(1));
}

template <class P>
void Linear<P>::backward(Context& context, const Saved& saved, Matrix<Real> dy,
                         Matrix<Real> dx) const {
  const LeftStays dy_stays(context.products);
  backward_parameters(context, saved, dy);
  matmul_nn(context, dy, weight.value(), dx);
}

template struct Linear<F32>;
template struct Linear<F64>;

}  // namespace jespr
