// MessageWeights.
#include "layers/message_weights.hpp"

#include "kernels/activation.hpp"
#include "kernels/messages.hpp"

namespace jespr {
namespace {

/// [upper; lower upper]: two maps of which the second follows the first, as one product.
/// upper [H, C], lower [O, H] -> out [H + O, C]. Of weights alone, so that operands are not rounded
/// here and then once more.
template <class T>
void fold(Context& context, Matrix<T> upper, Matrix<T> lower, Matrix<T> out) {
  const std::size_t hidden = upper.extent(0);
  const Matrix<T> first = rows_of(out, 0, hidden), second = rows_of(out, hidden, out.extent(0));
  copy(first, upper);
  const UnroundedProducts unrounded(context.products);
  matmul_nn(context, lower, upper, second);
}

}  // namespace

template <class P>
MessageWeights<typename P::Real> message_weights(Context& context, const GvpConv<P>& conv,
                                                 const Features<typename P::Real>& nodes) {
  using T = typename P::Real;
  const auto& [s, u, se, ue] = conv.shape;
  const auto& [first, second, third] = conv.message;
  Workspace& scratch = context.scratch;
  const int h = first.shape.hidden(), k = whole_vectors<T>(h + u), input = whole_vectors<T>(se + h);
  const bool fills_vectors = s % simd_lanes<T> == 0 && u % simd_lanes<T> == 0;
  MessageWeights<T> p;
  p.shape = conv.shape;
  p.hidden = h;
  p.folded = k;
  p.input = input;
  if (device_is_host && fills_vectors)
    p.products = std::is_same_v<T, float> && context.products.operands() == OperandPrecision::bf16
                     ? TileProducts::rounded
                     : TileProducts::packed;
  p.map = scratch.template zeros<T>(std::size_t(k), std::size_t(2 * u + ue));
  fold(context, first.wh.value(), first.wv.value(), rows_of(p.map, 0, std::size_t(h + u)));
  p.edge_map = scratch.matrix<T>(std::size_t(ue), std::size_t(k));
  kernels::transpose(columns_of(p.map, u, ue), panel(p.edge_map));
  const Matrix<T> ws = first.ws.value(),
                  edge_ws = scratch.template matrix<T>(std::size_t(s), std::size_t(se + h)),
                  middle = scratch.matrix<T>(std::size_t(2 * u), std::size_t(u));
  kernels::copy_panel(columns_of(ws, s, se), columns_of(edge_ws, 0, se));
  kernels::copy_panel(columns_of(ws, 2 * s + se, h), columns_of(edge_ws, se, h));
  fold(context, second.wh.value(), second.wv.value(), middle);
  const auto weight = [&](Matrix<T> value) { return tile_weight(context, value, p.products); };
  p.edge_ws = weight(edge_ws);
  p.middle = weight(middle);
  p.second = weight(second.ws.value());
  p.third = weight(third.wh.value());
  p.gate0 = weight(first.wg.value());
  p.gate1 = weight(second.wg.value());
  p.second_bias = flat(second.ws_bias.value());
  p.gate0_bias = flat(first.wg_bias.value());
  p.gate1_bias = flat(second.wg_bias.value());

  const std::size_t n = nodes.rows();
  p.source = Features<T>::take(scratch, n, s, k);
  p.target = Features<T>::take(scratch, n, s, k);
  matmul_nt(context, channel_rows(nodes.v), columns_of(p.map, 0, u), channel_rows(p.source.v));
  matmul_nt(context, channel_rows(nodes.v), columns_of(p.map, u + ue, u), channel_rows(p.target.v));
  matmul_nt(context, nodes.s, columns_of(ws, 0, s), p.source.s);
  matmul_nt(context, nodes.s, columns_of(ws, s + se, s), p.target.s);
  kernels::add_bias(p.target.s, flat(first.ws_bias.value()));
  return p;
}

template MessageWeights<float> message_weights(Context&, const GvpConv<F32>&,
                                               const Features<float>&);
template MessageWeights<double> message_weights(Context&, const GvpConv<F64>&,
                                                const Features<double>&);

}  // namespace jespr
