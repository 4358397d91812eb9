// TransformerBlock and TransformerStack.
#include "layers/transformer_block.hpp"

#include <fmt/format.h>

#include "kernels/residual.hpp"
#include "tensor/loops.hpp"

namespace jespr {
namespace {

/// "layer_03": intermediates count from 1, as in the reference data.
std::string layer_name(std::size_t index) { return fmt::format("layer_{:02}", index + 1); }

}  // namespace

template <class P>
TransformerBlock<P> TransformerBlock<P>::add(ParameterStore<P>& store, const std::string& name,
                                             const TransformerShape& shape) {
  TransformerBlock block;
  block.attention = SelfAttention<P>::add(store, name + ".self_attn", shape.width, shape.heads,
                                          shape.rotary, shape.attention_dropout);
  block.attention.causal = shape.causal;
  block.attention_norm = LayerNorm<P>::add(store, name + ".self_attn_layer_norm", shape.width);
  block.expand = Linear<P>::add(store, name + ".fc1", shape.width, shape.feed_forward);
  block.expand.activation = shape.activation;
  block.contract = Linear<P>::add(store, name + ".fc2", shape.feed_forward, shape.width);
  block.feed_forward_norm = LayerNorm<P>::add(store, name + ".final_layer_norm", shape.width);
  block.dropout = shape.dropout;
  block.attention_site = site_of(name + ".attention");
  block.feed_forward_site = site_of(name + ".feed_forward");
  return block;
}

template <class P>
void TransformerBlock<P>::freeze() const {
  attention_norm.freeze();
  attention.query_key_value.freeze();
  attention.output.freeze();
  feed_forward_norm.freeze();
  expand.freeze();
  contract.freeze();
}

template <class P>
Matrix<typename P::Real> TransformerBlock<P>::forward(Context& context, Matrix<Real> x,
                                                      const Offsets& offsets, Saved& saved) const {
  const auto masks = [&](std::uint32_t site) {
    return context.training && dropout > 0
               ? kernels::RowDropout(offsets, context.random, site, dropout)
               : kernels::RowDropout();
  };
  const Matrix<Real> normed = attention_norm.forward(context, x, saved.attention_norm);
  const Matrix<Real> middle = attention.forward(context, normed, offsets, saved.attention);
  const Matrix<Real> normed2 =
      feed_forward_norm.forward_of_sum(context, middle, flat(attention.output.bias.value()),
                                       masks(attention_site), x, saved.feed_forward_norm);
  const Matrix<Real> hidden = expand.forward(context, normed2, saved.expand);
  const Matrix<Real> out = contract.product(context, hidden, saved.contract);
  kernels::add_residual(out, flat(contract.bias.value()), masks(feed_forward_site), middle);
  return out;
}

template <class P>
void TransformerBlock<P>::backward(Context& context, const Saved& saved, const Offsets& offsets,
                                   Matrix<Real> dx) const {
  const bool drop = context.training && dropout > 0;
  const std::size_t n = dx.extent(0), width = dx.extent(1);
  Scope scope(context.scratch);
  const Matrix<Real> dropped = context.scratch.matrix<Real>(drop ? n : 0, width);
  // The gradient entering a branch: that of the stream, through the branch's dropout. A branch
  // ends in a linear map without activation, which only reads it.
  const auto branch_gradient = [&](std::uint32_t site) {
    if (!drop) return dx;
    copy(dropped, dx);
    kernels::dropout(dropped, offsets, context.random, site, dropout);
    return dropped;
  };
  const Matrix<Real> dnormed = context.scratch.matrix<Real>(n, width);
  {
    Scope inner(context.scratch);
    const Matrix<Real> dhidden = context.scratch.matrix<Real>(n, expand.outputs());
    contract.backward(context, saved.contract, branch_gradient(feed_forward_site), dhidden);
    expand.backward(context, saved.expand, dhidden, dnormed);
    feed_forward_norm.backward(context, saved.feed_forward_norm, dnormed, dx, true);
  }
  attention.backward(context, saved.attention, offsets, branch_gradient(attention_site), dnormed);
  attention_norm.backward(context, saved.attention_norm, dnormed, dx, true);
}

template <class P>
TransformerStack<P> TransformerStack<P>::add(ParameterStore<P>& store, const std::string& name,
                                             const TransformerShape& shape) {
  TransformerStack stack;
  for (int layer = 0; layer < shape.layers; ++layer) {
    store.set_layers_above(shape.layers - 1 - layer);
    stack.blocks.push_back(
        TransformerBlock<P>::add(store, fmt::format("{}.{}", name, layer), shape));
  }
  return stack;
}

template <class P>
void TransformerStack<P>::freeze(int layers) {
  frozen = layers;
  for (int l = 0; l < layers; ++l) blocks[static_cast<std::size_t>(l)].freeze();
}

template <class P>
Matrix<typename P::Real> TransformerStack<P>::forward(Context& context, Matrix<Real> x,
                                                      const Offsets& offsets, Saved* saved) const {
  if (saved) saved->blocks.resize(blocks.size());
  if (saved) saved->inputs.resize(blocks.size());
  typename LayerMix<P>::Saved unsaved;
  typename LayerMix<P>::Saved& mixed = saved ? saved->mix : unsaved;
  if (mix.exists()) mix.begin(context, x, mixed, saved != nullptr);
  for (int layer = 0; layer < static_cast<int>(blocks.size()); ++layer) {
    const auto l = static_cast<std::size_t>(layer);
    const bool differentiate = saved && layer >= frozen;
    if (differentiate && !recompute) {
      x = blocks[l].forward(context, x, offsets, saved->blocks[l]);
    } else {
      const bool mixed_input = saved && mix.trains() && layer > first_mixed();
      const Matrix<Real> out = differentiate || mixed_input
                                   ? context.saved.matrix<Real>(x.extent(0), x.extent(1))
                                   : x;  // nobody needs it afterwards
      if (differentiate) saved->inputs[l] = x;
      Scope scope(context.saved);
      typename TransformerBlock<P>::Saved transient;
      copy(out, blocks[l].forward(context, x, offsets, transient));
      x = out;
    }
    context.observe(layer_name(l), x);
    if (mix.exists() && layer >= first_mixed()) mix.add_term(mixed, layer - first_mixed(), x);
  }
  return mix.exists() ? mixed.sum : x;
}

template <class P>
void TransformerStack<P>::backward(Context& context, Saved& saved, const Offsets& offsets,
                                   Matrix<Real> dx) const {
  Scope scope(context.scratch);
  const Matrix<Real> dsum =
      context.scratch.matrix<Real>(mix.exists() ? dx.extent(0) : 0, dx.extent(1));
  if (mix.exists()) {
    copy(dsum, dx);
    mix.backward_weights(context, saved.mix, dsum);
    mix.backward_term(saved.mix, mix.layers - 1, dsum, dx, false);
  }
  for (int layer = static_cast<int>(blocks.size()) - 1; layer >= frozen; --layer) {
    const auto l = static_cast<std::size_t>(layer);
    context.observe_gradient(layer_name(l), dx);
    Scope again(context.saved);
    if (recompute) blocks[l].forward(context, saved.inputs[l], offsets, saved.blocks[l]);
    blocks[l].backward(context, saved.blocks[l], offsets, dx);
    if (mix.exists() && layer > first_mixed())
      mix.backward_term(saved.mix, layer - 1 - first_mixed(), dsum, dx, true);
  }
}

template struct TransformerBlock<F32>;
template struct TransformerBlock<F64>;
template struct TransformerStack<F32>;
template struct TransformerStack<F64>;

}  // namespace jespr
