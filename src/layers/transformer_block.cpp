// TransformerBlock and TransformerStack.
#include "layers/transformer_block.hpp"

#include <fmt/format.h>

#include "kernels/dropout.hpp"

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
  const bool drop = context.training && dropout > 0;
  const auto sum = [&](Matrix<Real> branch, std::uint32_t site, Matrix<Real> stream) {
    if (drop) kernels::dropout(branch, offsets, context.random, site, dropout);
    kernels::add(stream, branch, branch);
    return branch;
  };
  const Matrix<Real> normed = attention_norm.forward(context, x, saved.attention_norm);
  const Matrix<Real> middle =
      sum(attention.forward(context, normed, offsets, saved.attention), attention_site, x);
  const Matrix<Real> normed2 = feed_forward_norm.forward(context, middle, saved.feed_forward_norm);
  const Matrix<Real> hidden = expand.forward(context, normed2, saved.expand);
  return sum(contract.forward(context, hidden, saved.contract), feed_forward_site, middle);
}

template <class P>
void TransformerBlock<P>::backward(Context& context, const Saved& saved, const Offsets& offsets,
                                   Matrix<Real> dx) const {
  const bool drop = context.training && dropout > 0;
  const std::size_t n = dx.extent(0), width = dx.extent(1);
  // The gradient entering a branch: that of the stream, through the branch's dropout.
  const auto branch_gradient = [&](std::uint32_t site, Matrix<Real> copy) {
    Kokkos::deep_copy(copy, dx);
    if (drop) kernels::dropout(copy, offsets, context.random, site, dropout);
  };
  Scope scope(context.scratch);
  const Matrix<Real> dbranch = context.scratch.matrix<Real>(n, width);
  const Matrix<Real> dnormed = context.scratch.matrix<Real>(n, width);
  {
    Scope inner(context.scratch);
    const Matrix<Real> dhidden = context.scratch.matrix<Real>(n, expand.outputs());
    branch_gradient(feed_forward_site, dbranch);
    contract.backward(context, saved.contract, dbranch, dhidden);
    expand.backward(context, saved.expand, dhidden, dnormed);
    feed_forward_norm.backward(context, saved.feed_forward_norm, dnormed, dx, true);
  }
  branch_gradient(attention_site, dbranch);
  attention.backward(context, saved.attention, offsets, dbranch, dnormed);
  attention_norm.backward(context, saved.attention_norm, dnormed, dx, true);
}

template <class P>
TransformerStack<P> TransformerStack<P>::add(ParameterStore<P>& store, const std::string& name,
                                             const TransformerShape& shape) {
  TransformerStack stack;
  for (int layer = 0; layer < shape.layers; ++layer)
    stack.blocks.push_back(
        TransformerBlock<P>::add(store, fmt::format("{}.{}", name, layer), shape));
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
  if (saved) saved->resize(blocks.size());
  for (std::size_t layer = 0; layer < blocks.size(); ++layer) {
    if (saved && static_cast<int>(layer) >= frozen) {
      x = blocks[layer].forward(context, x, offsets, (*saved)[layer]);
    } else {
      Scope scope(context.saved);
      typename TransformerBlock<P>::Saved transient;
      Kokkos::deep_copy(x, blocks[layer].forward(context, x, offsets, transient));
    }
    context.observe(layer_name(layer), x);
  }
  return x;
}

template <class P>
void TransformerStack<P>::backward(Context& context, const Saved& saved, const Offsets& offsets,
                                   Matrix<Real> dx) const {
  for (int layer = static_cast<int>(blocks.size()) - 1; layer >= frozen; --layer) {
    context.observe_gradient(layer_name(static_cast<std::size_t>(layer)), dx);
    blocks[static_cast<std::size_t>(layer)].backward(
        context, saved[static_cast<std::size_t>(layer)], offsets, dx);
  }
}

template struct TransformerBlock<F32>;
template struct TransformerBlock<F64>;
template struct TransformerStack<F32>;
template struct TransformerStack<F64>;

}  // namespace jespr
