// SelfAttention.
#include "layers/attention.hpp"

#include <cmath>

#include "kernels/attention.hpp"
#include "kernels/rotary.hpp"

namespace jespr {
namespace {

template <class P>
kernels::AttentionDropout dropout_of(const Context& context, const SelfAttention<P>& layer) {
  return {context.training ? layer.dropout : 0.0, context.random, layer.site};
}

}  // namespace

template <class P>
SelfAttention<P> SelfAttention<P>::add(ParameterStore<P>& store, const std::string& name, int width,
                                       int heads, bool rotary, double dropout) {
  const double xavier = std::sqrt(6.0 / (2.0 * width));
  const Init projection = Init::uniform(xavier / std::sqrt(2.0));
  const Init projection_bias = Init::uniform(1.0 / std::sqrt(static_cast<double>(width)));

  SelfAttention attention;
  auto& weight = store.add(name + ".q_proj.weight", {width, width}, projection);
  store.add(name + ".k_proj.weight", {width, width}, projection, true);
  store.add(name + ".v_proj.weight", {width, width}, projection, true);
  auto& bias = store.add(name + ".q_proj.bias", {width}, projection_bias);
  store.add(name + ".k_proj.bias", {width}, projection_bias, true);
  store.add(name + ".v_proj.bias", {width}, projection_bias, true);
  attention.query_key_value.weight = Weight<P>(weight, 3);
  attention.query_key_value.bias = Weight<P>(bias, 3);
  attention.output = Linear<P>::add(store, name + ".out_proj", width, width, Init::uniform(xavier),
                                    Init::constant(0));
  attention.heads = heads;
  attention.rotary = rotary;
  attention.dropout = dropout;
  attention.site = site_of(name + ".probabilities");
  return attention;
}

template <class P>
Matrix<typename P::Real> SelfAttention<P>::forward(Context& context, Matrix<Real> x,
                                                   const Offsets& offsets, Saved& saved) const {
  saved.qkv = query_key_value.product(context, x, saved.query_key_value);
  kernels::add_bias_scale_and_rotate(context.scratch, saved.qkv, flat(query_key_value.bias.value()),
                                     offsets, heads, rotary);
  saved.context = context.saved.matrix<Real>(x.extent(0), x.extent(1));
  saved.lse = context.saved.matrix<Real>(heads, x.extent(0));
  kernels::attention(context.scratch, saved.qkv, offsets, heads, dropout_of(context, *this),
                     context.products.operands(), saved.context, saved.lse, causal);
  return output.product(context, saved.context, saved.output);
}

template <class P>
void SelfAttention<P>::backward(Context& context, const Saved& saved, const Offsets& offsets,
                                Matrix<Real> dy, Matrix<Real> dx) const {
  Scope scope(context.scratch);
  const auto dcontext = context.scratch.matrix<Real>(dx.extent(0), dx.extent(1));
  const auto dqkv = context.scratch.matrix<Real>(dx.extent(0), 3 * dx.extent(1));
  output.backward(context, saved.output, dy, dcontext);
  kernels::attention_backward(context.scratch, saved.qkv, offsets, heads,
                              dropout_of(context, *this), context.products.operands(),
                              saved.context, saved.lse, dcontext, dqkv, causal);
  kernels::scale_and_rotate_backward(context.scratch, dqkv, offsets, heads, rotary);
  query_key_value.backward(context, saved.query_key_value, dqkv, dx);
}

template struct SelfAttention<F32>;
template struct SelfAttention<F64>;

}  // namespace jespr
