// Which rows of a global batch have their partner as nearest neighbour: the accuracy of losses
// without logits.
#pragma once

#include <span>

#include "kernels/pairwise.hpp"
#include "model/loss_tiles.hpp"

namespace jespr {

/// right[k] += rows of local shard k whose partner among `columns` [B, width] is nearer than all
/// others, for 'rows' [local, width].
template <class T>
void count_nearest(Context& context, const BatchLayout& layout, Matrix<T> rows, Matrix<T> columns,
                   std::span<double> right) {
  Scope scope(context.scratch);
  const auto statistics = kernels::RowStatistics<T>::take(context.scratch, layout.local_proteins());
  const Vector<T> squares = context.scratch.vector<T>(columns.extent(0));
  kernels::reset(statistics);
  kernels::row_squares(columns, squares);
  for_each_tile(context, layout, rows, columns, T(1),
                [&](Matrix<T> tile, const Block& block, int row0, const Block& others) {
                  kernels::nearness_tile(tile, part(squares, others.begin, others.size));
                  kernels::accumulate_tile(tile, block.begin, others.begin,
                                           part(statistics, row0, block.size));
                });
  const auto partner = context.scratch.download(statistics.best_partner),
             other = context.scratch.download(statistics.best_other);
  for_each_local_row(
      layout, [&](std::size_t k, std::size_t i) { right[k] += is_right(partner, other, i); });
}

}  // namespace jespr
