// LayerNorm.
#include "layers/layer_norm.hpp"

#include "kernels/layer_norm.hpp"
#include "kernels/residual.hpp"

namespace jespr {

template <class P>
LayerNorm<P> LayerNorm<P>::add(ParameterStore<P>& store, const std::string& name, int columns) {
  LayerNorm norm;
  norm.gain = Weight<P>(store.add(name + ".weight", {columns}, Init::constant(1)));
  norm.bias = Weight<P>(store.add(name + ".bias", {columns}, Init::constant(0)));
  return norm;
}

template <class P>
Matrix<typename P::Real> LayerNorm<P>::take(Context& context, Matrix<Real> x, Saved& saved) const {
  saved = {x, context.saved.vector<Real>(x.extent(0)), context.saved.vector<Real>(x.extent(0))};
  return context.saved.matrix<Real>(x.extent(0), x.extent(1));
}

template <class P>
Matrix<typename P::Real> LayerNorm<P>::forward(Context& context, Matrix<Real> x,
                                               Saved& saved) const {
  const Matrix<Real> y = take(context, x, saved);
  kernels::layer_norm(x, flat(gain.value()), flat(bias.value()), Real(layer_norm_eps), y,
                      saved.mean, saved.rstd);
  return y;
}

template <class P>
Matrix<typename P::Real> LayerNorm<P>::forward_of_sum(Context& context, Matrix<Real> branch,
                                                      Vector<Real> branch_bias,
                                                      const kernels::RowDropout& dropout,
                                                      Matrix<Real> stream, Saved& saved) const {
  const Matrix<Real> y = take(context, branch, saved);
  kernels::add_residual_and_norm(branch, branch_bias, dropout, stream, flat(gain.value()),
                                 flat(bias.value()), Real(layer_norm_eps), y, saved.mean,
                                 saved.rstd);
  return y;
}

template <class P>
void LayerNorm<P>::backward(Context& context, const Saved& saved, Matrix<Real> dy, Matrix<Real> dx,
                            bool accumulate) const {
  if (gain.trainable())
    kernels::layer_norm_parameter_gradients(context.scratch, dy, saved.x, saved.mean, saved.rstd,
                                            flat(gain.gradient()), flat(bias.gradient()));
  kernels::layer_norm_backward(dy, saved.x, saved.mean, saved.rstd, flat(gain.value()), dx,
                               accumulate);
}

template struct LayerNorm<F32>;
template struct LayerNorm<F64>;

}  // namespace jespr
