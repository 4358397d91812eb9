// ClipLoss.
#include "model/clip_loss.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/adam.hpp"
#include "kernels/contrastive.hpp"
#include "tensor/gather.hpp"
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
/// The rows of a shard in blocks of bounded size: what there is of tiles depends on the shards, not
/// on the ranks, and no tile is large.
std::vector<Block> blocks_of(const BatchLayout& layout, int shard) {
  constexpr int largest = 1024;
  std::vector<Block> blocks;
  const int end = layout.start_of(shard + 1);
  for (int begin = layout.start_of(shard); begin < end; begin += largest)
    blocks.push_back({begin, std::min(largest, end - begin)});
  return blocks;
}

/// Calls visit(tile, rows, its first local row, columns) for all tiles of the local rows, each
/// filled with scale * rows columns^T; for one block of rows all columns in their order.
template <class T, class Visit>
void for_each_tile(Context& context, const BatchLayout& layout, const Direction<T>& direction,
                   T scale, const Visit& visit) {
  const int first = layout.start_of(layout.first_local);
  for (int k = 0; k < layout.local_shards; ++k)
    for (const Block& rows : blocks_of(layout, layout.first_local + k))
      for (int column_shard = 0; column_shard < layout.shards(); ++column_shard)
        for (const Block& columns : blocks_of(layout, column_shard)) {
          Scope scope(context.scratch);
          const Matrix<T> tile = context.scratch.matrix<T>(static_cast<std::size_t>(rows.size),
                                                           static_cast<std::size_t>(columns.size));
          const int row0 = rows.begin - first;
          matmul_nt(context, rows_of(direction.rows, row0, row0 + rows.size),
                    rows_of(direction.columns, columns.begin, columns.begin + columns.size), tile,
                    T(0), scale);
          visit(tile, rows, row0, columns);
        }
}

/// First pass: log-sum-exp of the local rows, gathered from all ranks.
template <class T>
void find_log_sum_exp(Context& context, const Communicator& communicator, const BatchLayout& layout,
                      Direction<T>& direction, T scale) {
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
  direction.all_lse = all_gather_rows(context.scratch, communicator, direction.row_lse,
                                      layout.proteins_of_rank(communicator.size()));
}

/// Second pass: drows = scale * G columns, and the rows' share of the gradient of logit_scale.
template <class T>
void differentiate(Context& context, const BatchLayout& layout, const Direction<T>& direction,
                   Vector<T> column_lse, T scale, Matrix<T> drows, Vector<T> dscale) {
  const T factor = static_cast<T>(0.5 / layout.proteins());
  Kokkos::deep_copy(dscale, T(0));
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

/// Sums of one local shard's rows, in f64, in the order of rows.
struct ShardSums {
  double loss = 0;
  double right = 0;
};
template <class T>
std::vector<ShardSums> shard_sums(const BatchLayout& layout, const Direction<T>& direction) {
  const auto lse = to_host(direction.row_lse), diagonal = to_host(direction.local.diagonal),
             other = to_host(direction.local.best_other);
  std::vector<ShardSums> sums(static_cast<std::size_t>(layout.local_shards));
  std::size_t i = 0;
  for (std::size_t k = 0; k < sums.size(); ++k) {
    const int rows = layout.proteins_of_shard[static_cast<std::size_t>(layout.first_local) + k];
    for (int r = 0; r < rows; ++r, ++i) {
      sums[k].loss += static_cast<double>(lse[i]) - static_cast<double>(diagonal[i]);
      sums[k].right += diagonal[i] > other[i] ? 1 : 0;
    }
  }
  return sums;
}

}  // namespace

int BatchLayout::start_of(int shard) const {
  int start = 0;
  for (int v = 0; v < shard; ++v) start += proteins_of_shard[static_cast<std::size_t>(v)];
  return start;
}

std::vector<int> BatchLayout::proteins_of_rank(int ranks) const {
  std::vector<int> proteins;
  const int per_rank = shards() / ranks;
  for (int r = 0; r < ranks; ++r)
    proteins.push_back(start_of((r + 1) * per_rank) - start_of(r * per_rank));
  return proteins;
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
  return std::exp(static_cast<double>(to_host(logit_scale->value)[0]));
}

template <class P>
LossResult ClipLoss<P>::evaluate(Context& context, const Communicator& communicator,
                                 const BatchLayout& layout, Matrix<Real> sequence,
                                 Matrix<Real> structure, Gradients* gradients, int flags) const {
  Scope scope(context.scratch);
  const UnroundedProducts unrounded(context.products);
  const Real scale = static_cast<Real>(this->scale());
  const auto rows_of_rank = layout.proteins_of_rank(communicator.size());

  Direction<Real> by_sequence{}, by_structure{};
  by_sequence.rows = sequence;
  by_structure.rows = structure;
  by_sequence.columns = all_gather_rows(context.scratch, communicator, structure, rows_of_rank);
  by_structure.columns = all_gather_rows(context.scratch, communicator, sequence, rows_of_rank);
  find_log_sum_exp(context, communicator, layout, by_sequence, scale);
  find_log_sum_exp(context, communicator, layout, by_structure, scale);

  // Per shard, gathered in the order of shards: sums that do not know how many ranks there are.
  const auto rows = shard_sums(layout, by_sequence), columns = shard_sums(layout, by_structure);
  std::vector<double> mine;
  for (std::size_t k = 0; k < rows.size(); ++k)
    mine.insert(mine.end(), {rows[k].loss, columns[k].loss, rows[k].right, columns[k].right,
                             static_cast<double>(flags)});
  const auto all = communicator.all_gather(std::span<const double>(mine));
  LossResult result;
  const double batch = layout.proteins();
  constexpr std::size_t fields = 5;
  for (std::size_t v = 0; v + fields <= all.size(); v += fields) {
    result.sequence_to_structure += all[v] / batch;
    result.structure_to_sequence += all[v + 1] / batch;
    result.accuracy_sequence_to_structure += all[v + 2] / batch;
    result.accuracy_structure_to_sequence += all[v + 3] / batch;
    result.requested_flags |= static_cast<int>(all[v + 4]);
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
  const auto host = to_host(dscale);
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
