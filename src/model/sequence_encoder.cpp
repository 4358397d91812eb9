// SequenceEncoder.
#include "model/sequence_encoder.hpp"

#include <algorithm>
#include <array>
#include <numeric>

#include "data/alphabet.hpp"
#include "kernels/embedding.hpp"

namespace jespr {
namespace {

constexpr double masked_in_training = 0.15 * 0.8;  // the share of <mask> ESM-2 was trained with

/// Per row: 0 for <mask>, else (1 - 0.12) / (1 - share of <mask> in the protein).
template <class T>
std::span<const T> rescaling(Workspace& scratch, const SequenceInput& input) {
  const std::span<T> factor = scratch.host_array<T>(input.tokens.size());
  for (int b = 0; b < input.offsets.proteins(); ++b) {
    const auto begin = input.tokens.begin() + input.offsets.host[static_cast<std::size_t>(b)];
    const auto end = input.tokens.begin() + input.offsets.host[static_cast<std::size_t>(b) + 1];
    const auto masks = static_cast<double>(std::count(begin, end, token_mask));
    const double share = masks / static_cast<double>(end - begin);
    for (auto token = begin; token != end; ++token)
      factor[static_cast<std::size_t>(token - input.tokens.begin())] =
          static_cast<T>(*token == token_mask ? 0.0 : (1.0 - masked_in_training) / (1.0 - share));
  }
  return factor;
}

}  // namespace

TransformerShape SequenceShape::transformer() const {
  return {.layers = layers,
          .width = width,
          .heads = heads,
          .feed_forward = 4 * width,
          .activation = Activation::gelu,
          .rotary = true,
          .causal = causal,
          .dropout = dropout,
          .attention_dropout = dropout};
}

template <class P>
SequenceEncoder<P> SequenceEncoder<P>::add(ParameterStore<P>& store, const std::string& prefix,
                                           const SequenceShape& shape) {
  SequenceEncoder encoder;
  encoder.shape = shape;
  store.set_layers_above(shape.layers);
  encoder.table = Weight<P>(
      store.add(prefix + "embed_tokens.weight", {alphabet_size, shape.width}, Init::normal(1)));
  encoder.blocks = TransformerStack<P>::add(store, prefix + "layers", shape.transformer());
  encoder.blocks.mix =
      LayerMix<P>::add(store, prefix + "layer_weights", shape.mixed_layers, shape.learned_mix);
  encoder.norm = LayerNorm<P>::add(store, prefix + "emb_layer_norm_after", shape.width);
  return encoder;
}

template <class P>
void SequenceEncoder<P>::freeze(int layers) {
  blocks.freeze(layers);
  if (layers > 0) table.freeze();
  if (layers == shape.layers) norm.freeze();
}

template <class P>
Matrix<typename P::Real> SequenceEncoder<P>::forward(Context& context, const SequenceInput& input,
                                                     Saved& saved, bool differentiate) const {
  Scope scope(context.scratch);
  saved.offsets = input.offsets;
  saved.factor = context.saved.upload(rescaling<Real>(context.scratch, input));
  const Vector<const int> tokens = context.saved.upload(input.tokens);
  if (differentiate) {
    std::array<int, alphabet_size + 1> starts{};
    for (int token : input.tokens) ++starts[static_cast<std::size_t>(token) + 1];
    std::partial_sum(starts.begin(), starts.end(), starts.begin());
    std::array<int, alphabet_size + 1> next = starts;
    const std::span<int> rows = context.scratch.host_array<int>(input.tokens.size());
    for (std::size_t i = 0; i < input.tokens.size(); ++i)
      rows[static_cast<std::size_t>(next[static_cast<std::size_t>(input.tokens[i])]++)] =
          static_cast<int>(i);
    saved.rows_by_token = context.saved.upload(rows);
    saved.token_starts = context.saved.upload(starts);
  }
  const Matrix<Real> x =
      context.saved.matrix<Real>(input.tokens.size(), static_cast<std::size_t>(shape.width));
  kernels::embed_tokens(table.value(), tokens, saved.factor, x);
  context.observe("embedding_out", x);
  const Matrix<Real> y =
      blocks.forward(context, x, input.offsets, differentiate ? &saved.blocks : nullptr);
  const Matrix<Real> rep = norm.forward(context, y, saved.norm);
  context.observe("rep", rep);
  return rep;
}

template <class P>
void SequenceEncoder<P>::backward(Context& context, Saved& saved, Matrix<Real> drep) const {
  context.observe_gradient("rep", drep);
  if (blocks.frozen == shape.layers && !norm.gain.trainable() && !blocks.mix.trains()) return;
  norm.backward(context, saved.norm, drep, drep);
  blocks.backward(context, saved.blocks, saved.offsets, drep);
  if (!table.trainable()) return;
  context.observe_gradient("embedding_out", drep);
  kernels::embed_tokens_backward(drep, saved.factor, saved.rows_by_token, saved.token_starts,
                                 table.gradient());
}

double published_operations(const SequenceShape& shape, double rows, double pairs) {
  return shape.layers * block_operations(shape.transformer(), rows, pairs);
}

template struct SequenceEncoder<F32>;
template struct SequenceEncoder<F64>;

}  // namespace jespr
