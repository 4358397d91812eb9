// MessageWeights: the weights of a message layer in the form in which tiles of edges use them, and
// what its rows contribute to their edges.
#pragma once

#include "layers/gvp_conv.hpp"
#include "layers/tile_worker.hpp"

#include <algorithm>

namespace jespr {

/// Letters: h channels of the first hidden layer (2U + U_e), K = h + U: what the folded map
/// [Wh; Wv Wh] of the first perceptron gives. K and S_e + h are rounded up to whole vectors; the
/// padding is zero throughout.
template <class T>
struct MessageWeights {
  GvpConvShape shape;
  int hidden = 0, folded = 0, input = 0;  // h, K, S_e + h
  TileProducts products = TileProducts::by_library;

  Matrix<T> map;          // [K, 2U + U_e] [Wh; Wv Wh] of the first perceptron
  Matrix<T> edge_map;     // [U_e, K] its edge columns, transposed
  TileWeight<T> edge_ws;  // [S, S_e + h] the columns of the first Ws for edge scalars and norms
  TileWeight<T> middle;   // [2U, U] [Wh; Wv Wh] of the second perceptron
  TileWeight<T> second, third;  // [S, S + U] Ws of the second, [U, U] Wh of the third
  TileWeight<T> gate0, gate1;   // [U, S] Wg of the first and second
  Vector<T> second_bias, gate0_bias, gate1_bias;
  Features<T> source, target;  // [N, S], [N, 3, K]; the bias of the first Ws is in `target`

  /// Of all operands that have a row for each edge or vector component.
  int widest() const {
    return std::max({input, folded, shape.scalars + shape.vectors, 2 * shape.vectors});
  }
};

/// In memory of the context's scratch. nodes [N, S], [N, 3, U].
template <class P>
MessageWeights<typename P::Real> message_weights(Context& context, const GvpConv<P>& conv,
                                                 const Features<typename P::Real>& nodes);

}  // namespace jespr
