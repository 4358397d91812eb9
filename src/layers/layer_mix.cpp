// LayerMix.
#include "layers/layer_mix.hpp"

#include "kernels/layer_mix.hpp"
#include "tensor/loops.hpp"

namespace jespr {

template <class P>
LayerMix<P> LayerMix<P>::add(ParameterStore<P>& store, const std::string& name, int layers,
                             bool learned) {
  LayerMix mix;
  mix.layers = layers;
  if (mix.exists() && learned) mix.weight = Weight<P>(store.add(name, {layers}, Init::constant(0)));
  return mix;
}

template <class P>
void LayerMix<P>::begin(Context& context, Matrix<Real> like, Saved& saved,
                        bool differentiate) const {
  saved.share = context.saved.vector<Real>(static_cast<std::size_t>(layers));
  saved.sum = context.saved.matrix<Real>(like.extent(0), like.extent(1));
  if (differentiate) saved.x.resize(static_cast<std::size_t>(layers));
  if (weight.exists())
    kernels::softmax_of_layers(flat(weight.value()), saved.share);
  else
    fill(saved.share, Real(1) / static_cast<Real>(layers));
}

template <class P>
void LayerMix<P>::add_term(Saved& saved, int j, Matrix<Real> x) const {
  if (!saved.x.empty()) saved.x[static_cast<std::size_t>(j)] = x;
  kernels::add_layer(saved.share, j, x, saved.sum, j > 0);
}

template <class P>
void LayerMix<P>::backward_weights(Context& context, const Saved& saved, Matrix<Real> dsum) const {
  if (!trains()) return;
  Scope scope(context.scratch);
  const Vector<Real> dshare = context.scratch.vector<Real>(static_cast<std::size_t>(layers));
  for (int j = 0; j < layers; ++j)
    kernels::layer_weight_gradient(context.scratch, saved.x[static_cast<std::size_t>(j)], dsum, j,
                                   dshare);
  kernels::softmax_of_layers_backward(saved.share, dshare, flat(weight.gradient()));
}

template <class P>
void LayerMix<P>::backward_term(const Saved& saved, int j, Matrix<Real> dsum, Matrix<Real> dx,
                                bool accumulate) const {
  kernels::add_layer(saved.share, j, dsum, dx, accumulate);
}

template struct LayerMix<F32>;
template struct LayerMix<F64>;

}  // namespace jespr
