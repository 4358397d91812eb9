// Tiles of all pairs of a global batch: how a loss over the rows of both modalities sees them a
// tile at a time, and how what its shards have summed becomes known to all ranks. What there is of
// tiles and their order depend on the shards, not on the ranks: the same bits on any number of
// them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "backend/communicator.hpp"
#include "kernels/contrastive.hpp"
#include "model/loss.hpp"
#include "tensor/gather.hpp"
#include "tensor/matmul.hpp"

namespace jespr {

template <class T>
Vector<T> part(Vector<T> v, int begin, int count) {
  return Vector<T>(v.data() + begin, static_cast<std::size_t>(count));
}

template <class T>
kernels::RowStatistics<T> part(const kernels::RowStatistics<T>& s, int begin, int count) {
  return {part(s.largest, begin, count), part(s.sum, begin, count),
          part(s.partner_sum, begin, count), part(s.best_partner, begin, count),
          part(s.best_other, begin, count)};
}

/// Rows [begin, begin + size) of the global batch.
struct Block {
  int begin, size;
};
/// Calls visit(block) for the rows of a shard in blocks of bounded size.
template <class Visit>
void for_each_block(const RowLayout& layout, int shard, const Visit& visit) {
  constexpr int largest = 1024;
  const int end = layout.start_of(shard + 1);
  for (int begin = layout.start_of(shard); begin < end; begin += largest)
    visit(Block{begin, std::min(largest, end - begin)});
}

/// Calls visit(tile, rows, its first local row, columns) for all tiles of the local rows against
/// all columns [., J] of two modalities, each filled with scale * rows columns^T; for one block of
/// rows all columns in their order.
template <class T, class Visit>
void for_each_tile(Context& context, const RowLayout& row_layout, const RowLayout& column_layout,
                   Matrix<T> local_rows, Matrix<T> all_columns, T scale, const Visit& visit) {
  const BatchLayout& batch = row_layout.batch;
  const int first = row_layout.first_local_row();
  const auto visit_tile = [&](const Block& rows, const Block& columns) {
    Scope scope(context.scratch);
    const Matrix<T> tile = context.scratch.matrix<T>(static_cast<std::size_t>(rows.size),
                                                     static_cast<std::size_t>(columns.size));
    const int row0 = rows.begin - first;
    matmul_nt(context, rows_of(local_rows, row0, row0 + rows.size),
              rows_of(all_columns, columns.begin, columns.begin + columns.size), tile, T(0), scale);
    visit(tile, rows, row0, columns);
  };
  for (int k = 0; k < batch.local_shards; ++k)
    for_each_block(row_layout, batch.first_local + k, [&](const Block& rows) {
      for (int column_shard = 0; column_shard < batch.shards(); ++column_shard)
        for_each_block(column_layout, column_shard,
                       [&](const Block& columns) { visit_tile(rows, columns); });
    });
}

/// The same where either side has one row of each protein.
template <class T, class Visit>
void for_each_tile(Context& context, const BatchLayout& layout, Matrix<T> local_rows,
                   Matrix<T> all_columns, T scale, const Visit& visit) {
  for_each_tile(context, RowLayout(layout), RowLayout(layout), local_rows, all_columns, scale,
                visit);
}

/// Rows of each rank.
inline std::span<const int> rows_of_ranks(Workspace& scratch, const Communicator& communicator,
                                          const RowLayout& layout) {
  const auto rows = scratch.host_array<int>(static_cast<std::size_t>(communicator.size()));
  for (int rank = 0; rank < communicator.size(); ++rank)
    rows[static_cast<std::size_t>(rank)] = layout.rows_of_rank(rank, communicator.size());
  return rows;
}

/// Calls use(k, i) for every local row i, of local shard k, in order.
template <class Use>
void for_each_local_row(const RowLayout& layout, const Use& use) {
  std::size_t i = 0;
  for (int k = 0; k < layout.batch.local_shards; ++k) {
    const int rows = layout.rows_of_shard(layout.batch.first_local + k);
    for (int r = 0; r < rows; ++r, ++i) use(static_cast<std::size_t>(k), i);
  }
}

/// What all shards of all ranks have summed, in the order of shards; `mine` [local shards] is a
/// struct of f64 numbers.
template <class Sums>
std::span<const Sums> gathered(Workspace& scratch, const Communicator& communicator,
                               const BatchLayout& layout, std::span<const Sums> mine) {
  constexpr std::size_t numbers_of_shard = sizeof(Sums) / sizeof(double);
  const auto ranks = static_cast<std::size_t>(communicator.size());
  const auto all = scratch.host_array<Sums>(static_cast<std::size_t>(layout.shards()));
  const auto numbers_of_rank = scratch.host_array<std::int64_t>(ranks);
  for (std::int64_t& numbers : numbers_of_rank)
    numbers = static_cast<std::int64_t>(all.size() / ranks * numbers_of_shard);
  communicator.all_gather(
      std::span(reinterpret_cast<const double*>(mine.data()), mine.size() * numbers_of_shard),
      std::span(reinterpret_cast<double*>(all.data()), all.size() * numbers_of_shard),
      std::span<const std::int64_t>(numbers_of_rank));
  return all;
}

/// gradient[k] = sum of the rows of local shard k, in f64, in the order of rows.
template <class T>
void sum_by_shard(Workspace& scratch, const RowLayout& layout, Vector<T> rows,
                  std::vector<double>& gradient) {
  const auto host = scratch.download(rows);
  gradient.assign(static_cast<std::size_t>(layout.batch.local_shards), 0.0);
  for_each_local_row(
      layout, [&](std::size_t k, std::size_t i) { gradient[k] += static_cast<double>(host[i]); });
}

/// Whether row i of the statistics knows a partner: no other column has so large a score.
template <class T>
double is_right(std::span<T> best_partner, std::span<T> best_other, std::size_t i) {
  return best_partner[i] > best_other[i] ? 1.0 : 0.0;
}

}  // namespace jespr
