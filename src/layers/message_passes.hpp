// The two passes of a message layer over all edges of a graph.
#pragma once

#include "layers/message_tile.hpp"

namespace jespr {

/// Gradients by what rows contribute to their edges: [N, S], [N, 3, K].
template <class T>
struct RowGradients {
  Features<T> source, target;
};

/// sums [N, S + U], [N, 3, U] += over the edges into a row, what the maps behind the mean act on.
/// `kept`, if it exists, is written.
template <class T>
void add_messages(Context& context, const MessageWeights<T>& weights, const Features<T>& edges,
                  const Graph& graph, const KeptMessages<T>& kept, const Features<T>& sums);

/// From dmean [N, S + U], [N, 3, U] (`backward_tile`) to `total` and `rows`, which are added to as
/// is, unless null, `dedges`. `kept`, if it exists, spares products.
template <class T>
void add_message_gradients(Context& context, const MessageWeights<T>& weights,
                           const Features<T>& edges, const Graph& graph,
                           const KeptMessages<T>& kept, const Features<T>& dmean,
                           const RowGradients<T>& rows, const WeightGradients<T>& total,
                           const Features<T>* dedges);

}  // namespace jespr
