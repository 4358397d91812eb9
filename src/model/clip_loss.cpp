// ClipLoss.
#include "model/clip_loss.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

#include "kernels/adam.hpp"
#include "kernels/contrastive.hpp"
#include "tensor/gather.hpp"
#include "tensor/loops.hpp"
#include "tensor/matmul.hpp"

namespace jespr {
namespace {

/// One direction: the local rows of one modality against all rows of the other.
template <class T>
struct Direction {
  Matrix<T> rows;                   // [local, J]
  Matrix<T> columns;                // [B, J]
  kernels::RowStatistics<T> local;  // [local]
  Matrix<T> row_lse;                // [local, 1]
  Matrix<T> all_lse;                // [B, 1]
};

template <class T>
Vector<T> part(Vector<T> v, int begin, int count) {
  return Vector<T>(v.data() + begin, static_cast<std::size_t>(count));
}

template <class T>
kernels::RowStatistics<T> part(const kernels::RowStatistics<T>& s, int begin, int count) {
  return {part(s.largest, begin, count), part(s.sum, begin, count), part(s.diagonal, begin, count),
          part(s.best_other, begin, count)};
}

/// Rows [begin, begin + size) of the global batch.
struct Block {
  int begin, size;
};
/// Calls visit(block) for the rows of a shard in blocks of bounded size: what there is of tiles
/// depends on the shards, not on the ranks, and no tile is large.
template <class Visit>
void for_each_block(const BatchLayout& layout, int shard, const Visit& visit) {
  constexpr int largest = 1024;
  const int end = layout.start_of(shard + 1);
  for (int begin = layout.start_of(shard); begin < end; begin += largest)
    visit(Block{begin, std::min(largest, end - begin)});
}

/// Calls visit(tile, rows, its first local row, columns) for all tiles of the local rows, each
/// filled with scale * rows columns^T; for one block of rows all columns in their order.
template <class T, class Visit>
void for_each_tile(Context& context, const BatchLayout& layout, const Direction<T>& direction,
                   T scale, const Visit& visit) {
  const int first = layout.start_of(layout.first_local);
  const auto visit_tile = [&](const Block& rows, const Block& columns) {
    Scope scope(context.scratch);
    const Matrix<T> tile = context.scratch.matrix<T>(static_cast<std::size_t>(rows.size),
                                                     static_cast<std::size_t>(columns.size));
    const int row0 = rows.begin - first;
    matmul_nt(context, rows_of(direction.rows, row0, row0 + rows.size),
              rows_of(direction.columns, columns.begin, columns.begin + columns.size), tile, T(0),
              scale);
    visit(tile, rows, row0, columns);
  };
  for (int k = 0; k < layout.local_shards; ++k)
    for_each_block(layout, layout.first_local + k, [&](const Block& rows) {
      for (int column_shard = 0; column_shard < layout.shards(); ++column_shard)
        for_each_block(layout, column_shard,
                       [&](const Block& columns) { visit_tile(rows, columns); });
    });
}

/// First pass: log-sum-exp of the local rows, gathered from all ranks.
template <class T>
void find_log_sum_exp(Context& context, const Communicator& communicator, const BatchLayout& layout,
                      std::span<const int> rows_of_rank, Direction<T>& direction, T scale) {
  const int local = layout.local_proteins();
  direction.local = kernels::RowStatistics<T>::take(context.scratch, local);
  direction.row_lse = context.scratch.matrix<T>(static_cast<std::size_t>(local), 1);
  kernels::reset(direction.local);
  for_each_tile(context, layout, direction, scale,
                [&](Matrix<T> tile, const Block& rows, int row0, const Block& columns) {
                  context.observe("logits", tile);
                  kernels::accumulate_tile(tile, rows.begin, columns.begin,
                                           part(direction.local, row0, rows.size));
                });
  kernels::finish_log_sum_exp(direction.local, flat(direction.row_lse));
  direction.all_lse =
      all_gather_rows(context.scratch, communicator, direction.row_lse, rows_of_rank);
}

/// Second pass: drows = scale * G columns, and the rows' share of the gradient of logit_scale.
template <class T>
void differentiate(Context& context, const BatchLayout& layout, const Direction<T>& direction,
                   Vector<T> column_lse, T scale, Matrix<T> drows, Vector<T> dscale) {
  const T factor = static_cast<T>(0.5 / layout.proteins());
  fill(dscale, T(0));
  for_each_tile(
      context, layout, direction, scale,
      [&](Matrix<T> tile, const Block& rows, int row0, const Block& columns) {
        kernels::gradient_tile(
            tile, rows.begin, columns.begin, part(flat(direction.row_lse), row0, rows.size),
            part(column_lse, columns.begin, columns.size), factor, part(dscale, row0, rows.size));
        matmul_nn(context, tile,
                  rows_of(direction.columns, columns.begin, columns.begin + columns.size),
                  rows_of(drows, row0, row0 + rows.size), columns.begin == 0 ? T(0) : T(1), scale);
      });
}

/// Sums of one shard's rows, in f64, in the order of rows.
struct DirectionSums {
  double loss = 0;
  double right = 0;
};
/// What a shard tells all ranks.
struct ShardSums {
  DirectionSums by_sequence, by_structure;
  double flags = 0;
};
constexpr std::size_t numbers_of_shard = sizeof(ShardSums) / sizeof(double);

template <class T>
void add_shard_sums(Workspace& scratch, const BatchLayout& layout, const Direction<T>& direction,
                    DirectionSums ShardSums::*part, std::span<ShardSums> shards) {
  const auto lse = scratch.download(direction.row_lse),
             diagonal = scratch.download(direction.local.diagonal),
             other = scratch.download(direction.local.best_other);
  std::size_t i = 0;
  for (std::size_t k = 0; k < shards.size(); ++k) {
    const int rows = layout.proteins_of_shard[static_cast<std::size_t>(layout.first_local) + k];
    DirectionSums& sums = shards[k].*part;
    for (int r = 0; r < rows; ++r, ++i) {
      sums.loss += static_cast<double>(lse[i]) - static_cast<double>(diagonal[i]);
      sums.right += diagonal[i] > other[i] ? 1 : 0;
    }
  }
}

/// The sums of all shards of all ranks, in the order of shards.
std::span<const ShardSums> gathered(Workspace& scratch, const Communicator& communicator,
                                    const BatchLayout& layout, std::span<const ShardSums> mine) {
  const auto ranks = static_cast<std::size_t>(communicator.size());
  const auto all = scratch.host_array<ShardSums>(static_cast<std::size_t>(layout.shards()));
  const auto numbers_of_rank = scratch.host_array<std::int64_t>(ranks);
  for (std::int64_t& numbers : numbers_of_rank)
    numbers = static_cast<std::int64_t>(all.size() / ranks * numbers_of_shard);
  communicator.all_gather(
      std::span(reinterpret_cast<const double*>(mine.data()), mine.size() * numbers_of_shard),
      std::span(reinterpret_cast<double*>(all.data()), all.size() * numbers_of_shard),
      std::span<const std::int64_t>(numbers_of_rank));
  return all;
}

}  // namespace

int BatchLayout::start_of(int shard) const {
  int start = 0;
  for (int v = 0; v < shard; ++v) start += proteins_of_shard[static_cast<std::size_t>(v)];
  return start;
}

int BatchLayout::proteins_of_rank(int rank, int ranks) const {
  const int per_rank = shards() / ranks;
  return start_of((rank + 1) * per_rank) - start_of(rank * per_rank);
}

template <class T>
T log_rounded_down(double bound) {
  T x = static_cast<T>(std::log(bound));
  const auto exceeds = [&] {
    const double power = std::exp(static_cast<double>(x));
    return std::max(power, static_cast<double>(static_cast<T>(power))) > bound;
  };
  while (exceeds()) x = std::nextafter(x, T(-1));
  return x;
}

template <class P>
ClipLoss<P> ClipLoss<P>::add(ParameterStore<P>& store, const LossSettings& settings) {
  ClipLoss loss;
  store.set_part(Part::scale);
  using Master = typename P::Master;
  double start = std::log(1.0 / settings.initial_temperature);
  loss.largest_logit_scale = std::numeric_limits<Master>::infinity();
  if (settings.clamp_scale) {
    loss.largest_logit_scale = log_rounded_down<Master>(settings.largest_scale);
    // Initial values are rounded to f32: so is the highest of them.
    start = std::min(start, static_cast<double>(log_rounded_down<float>(settings.largest_scale)));
  }
  loss.logit_scale = &store.add("logit_scale", {}, Init::constant(start));
  return loss;
}

template <class P>
void ClipLoss<P>::clamp() const {
  kernels::clamp_above(logit_scale->value, largest_logit_scale);
}

template <class P>
double ClipLoss<P>::scale() const {
  return std::exp(static_cast<double>(number_of(logit_scale->value)));
}

template <class P>
LossResult ClipLoss<P>::evaluate(Context& context, const Communicator& communicator,
                                 const BatchLayout& layout, Matrix<Real> sequence,
                                 Matrix<Real> structure, Gradients* gradients, int flags) const {
  Scope scope(context.scratch);
  const UnroundedProducts unrounded(context.products);
  const Real scale = static_cast<Real>(this->scale());
  const auto rows_of_rank =
      context.scratch.host_array<int>(static_cast<std::size_t>(communicator.size()));
  for (int rank = 0; rank < communicator.size(); ++rank)
    rows_of_rank[static_cast<std::size_t>(rank)] =
        layout.proteins_of_rank(rank, communicator.size());

  Direction<Real> by_sequence{}, by_structure{};
  by_sequence.rows = sequence;
  by_structure.rows = structure;
  by_sequence.columns = all_gather_rows(context.scratch, communicator, structure, rows_of_rank);
  by_structure.columns = all_gather_rows(context.scratch, communicator, sequence, rows_of_rank);
  find_log_sum_exp(context, communicator, layout, rows_of_rank, by_sequence, scale);
  find_log_sum_exp(context, communicator, layout, rows_of_rank, by_structure, scale);

  // Per shard, gathered in the order of shards: sums that do not know how many ranks there are.
  const auto mine =
      context.scratch.host_array<ShardSums>(static_cast<std::size_t>(layout.local_shards));
  add_shard_sums(context.scratch, layout, by_sequence, &ShardSums::by_sequence, mine);
  add_shard_sums(context.scratch, layout, by_structure, &ShardSums::by_structure, mine);
  for (ShardSums& shard : mine) shard.flags = flags;
  LossResult result;
  const double batch = layout.proteins();
  for (const ShardSums& shard : gathered(context.scratch, communicator, layout, mine)) {
    result.sequence_to_structure += shard.by_sequence.loss / batch;
    result.structure_to_sequence += shard.by_structure.loss / batch;
    result.accuracy_sequence_to_structure += shard.by_sequence.right / batch;
    result.accuracy_structure_to_sequence += shard.by_structure.right / batch;
    result.requested_flags |= static_cast<int>(shard.flags);
  }
  result.loss = 0.5 * (result.sequence_to_structure + result.structure_to_sequence);
  if (!gradients) return result;

  const Vector<Real> dscale =
      context.scratch.vector<Real>(static_cast<std::size_t>(layout.local_proteins()));
  differentiate(context, layout, by_structure, flat(by_sequence.all_lse), scale,
                gradients->dstructure, dscale);
  // The second call overwrites dscale: each logit counts once, with its row.
  differentiate(context, layout, by_sequence, flat(by_structure.all_lse), scale,
                gradients->dsequence, dscale);
  const auto host = context.scratch.download(dscale);
  gradients->dlogit_scale.assign(static_cast<std::size_t>(layout.local_shards), 0.0);
  std::size_t i = 0;
  for (std::size_t k = 0; k < gradients->dlogit_scale.size(); ++k)
    for (int r = 0; r < layout.proteins_of_shard[static_cast<std::size_t>(layout.first_local) + k];
         ++r, ++i)
      gradients->dlogit_scale[k] += static_cast<double>(host[i]);
  return result;
}

template float log_rounded_down<float>(double);
template double log_rounded_down<double>(double);
template struct ClipLoss<F32>;
template struct ClipLoss<F64>;

}  // namespace jespr
