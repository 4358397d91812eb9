// DihedralEmbedding.
#include "layers/dihedral_embedding.hpp"

#include "kernels/feature_norm.hpp"

namespace jespr {

template <class P>
DihedralEmbedding<P> DihedralEmbedding<P>::add(ParameterStore<P>& store, const std::string& name,
                                               int inputs, int width) {
  DihedralEmbedding embedding;
  embedding.linear = Linear<P>::add(store, name + ".node_embedding", inputs, width);
  embedding.gain = Weight<P>(store.add(name + ".norm_nodes.gain", {width}, Init::constant(1)));
  embedding.bias = Weight<P>(store.add(name + ".norm_nodes.bias", {width}, Init::constant(0)));
  return embedding;
}

template <class P>
Matrix<typename P::Real> DihedralEmbedding<P>::forward(Context& context, Matrix<Real> x,
                                                       Saved& saved) const {
  const Matrix<Real> mapped = linear.forward(context, x, saved.linear);
  saved.mean = context.saved.vector<Real>(x.extent(0));
  saved.sigma = context.saved.vector<Real>(x.extent(0));
  const Matrix<Real> y = context.saved.matrix<Real>(x.extent(0), mapped.extent(1));
  kernels::feature_norm(mapped, flat(gain.value()), flat(bias.value()), y, saved.mean, saved.sigma);
  return y;
}

template <class P>
void DihedralEmbedding<P>::backward(Context& context, const Saved& saved, Matrix<Real> dy) const {
  if (gain.trainable())
    kernels::feature_norm_parameter_gradients(context.scratch, dy, saved.linear.y, saved.mean,
                                              saved.sigma, flat(gain.gradient()),
                                              flat(bias.gradient()));
  Scope scope(context.scratch);
  const Matrix<Real> dmapped = context.scratch.matrix<Real>(dy.extent(0), dy.extent(1));
  kernels::feature_norm_backward(dy, saved.linear.y, saved.mean, saved.sigma, flat(gain.value()),
                                 dmapped);
  linear.backward_parameters(context, saved.linear, dmapped);
}

template struct DihedralEmbedding<F32>;
template struct DihedralEmbedding<F64>;

}  // namespace jespr
