// ClipLoss.
#include "model/clip_loss.hpp"

#include <span>

#include "kernels/contrastive.hpp"
#include "model/loss_tiles.hpp"
#include "tensor/loops.hpp"

namespace jespr {
namespace {

/// One direction: the local rows of one modality against all rows of the other.
template <class T>
struct ClipDirection {
  RowLayout row_layout, column_layout;
  Matrix<T> rows;                     // [local, J]
  Matrix<T> columns;                  // [all, J]
  kernels::RowStatistics<T> local{};  // [local]
  Matrix<T> row_lse{};                // [local, 1]
  Matrix<T> all_lse{};                // [all, 1]

  kernels::Partners partners() const { return {row_layout.of_protein, column_layout.of_protein}; }
};

/// First pass: log-sum-exp of the local rows, gathered from all ranks.
template <class T>
void find_log_sum_exp(Context& context, const Communicator& communicator,
                      std::span<const int> rows_of_rank, ClipDirection<T>& direction, T scale) {
  const int local = direction.row_layout.local_rows();
  direction.local = kernels::RowStatistics<T>::take(context.scratch, local);
  direction.row_lse = context.scratch.matrix<T>(static_cast<std::size_t>(local), 1);
  kernels::reset(direction.local);
  for_each_tile(
      context, direction.row_layout, direction.column_layout, direction.rows, direction.columns,
      scale, [&](Matrix<T> tile, const Block& rows, int row0, const Block& columns) {
        context.observe("logits", tile);
        kernels::accumulate_tile(tile, rows.begin, columns.begin,
                                 part(direction.local, row0, rows.size), direction.partners());
      });
  kernels::finish_log_sum_exp(direction.local, flat(direction.row_lse));
  direction.all_lse =
      all_gather_rows(context.scratch, communicator, direction.row_lse, rows_of_rank);
}

/// Second pass: drows = scale * G columns, and the rows' share of the gradient of logit_scale.
template <class T>
void differentiate(Context& context, const ClipDirection<T>& direction, Vector<T> column_lse,
                   T scale, Matrix<T> drows, Vector<T> dscale) {
  const kernels::Partners partners = direction.partners();
  const double pairs = direction.row_layout.rows() * static_cast<double>(partners.columns);
  const T factor = static_cast<T>(0.5 / pairs);
  fill(dscale, T(0));
  for_each_tile(
      context, direction.row_layout, direction.column_layout, direction.rows, direction.columns,
      scale, [&](Matrix<T> tile, const Block& rows, int row0, const Block& columns) {
        kernels::gradient_tile(tile, rows.begin, columns.begin,
                               part(flat(direction.row_lse), row0, rows.size),
                               part(column_lse, columns.begin, columns.size), factor,
                               part(dscale, row0, rows.size), partners);
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
struct ClipSums {
  DirectionSums by_sequence, by_structure;
  double flags = 0;
};

template <class T>
void add_shard_sums(Workspace& scratch, const ClipDirection<T>& direction,
                    DirectionSums ClipSums::*part, std::span<ClipSums> shards) {
  const auto lse = scratch.download(direction.row_lse),
             partners = scratch.download(direction.local.partner_sum),
             partner = scratch.download(direction.local.best_partner),
             other = scratch.download(direction.local.best_other);
  const double positives = direction.partners().columns;
  for_each_local_row(direction.row_layout, [&](std::size_t k, std::size_t i) {
    DirectionSums& sums = shards[k].*part;
    sums.loss += static_cast<double>(lse[i]) - static_cast<double>(partners[i]) / positives;
    sums.right += is_right(partner, other, i);
  });
}

}  // namespace

template <class P>
ClipLoss<P> ClipLoss<P>::add(ParameterStore<P>& store, const LossSettings& settings) {
  store.set_part(Part::scale);
  ClipLoss loss;
  loss.logit_scale = LogitScale<P>::add(store, settings);
  return loss;
}

template <class P>
LossResult ClipLoss<P>::evaluate(Context& context, const Communicator& communicator,
                                 const BatchLayout& layout, Matrix<Real> sequence,
                                 Matrix<Real> structure, Gradients* gradients, int flags) const {
  Scope scope(context.scratch);
  const UnroundedProducts unrounded(context.products);
  const Real scale = static_cast<Real>(logit_scale.factor());
  const RowLayout sequences = layout.sequences(), structures = layout.structures();
  const auto sequences_of_rank = rows_of_ranks(context.scratch, communicator, sequences);
  const auto structures_of_rank = rows_of_ranks(context.scratch, communicator, structures);

  ClipDirection<Real> by_sequence{
      sequences, structures, sequence,
      all_gather_rows(context.scratch, communicator, structure, structures_of_rank)};
  ClipDirection<Real> by_structure{
      structures, sequences, structure,
      all_gather_rows(context.scratch, communicator, sequence, sequences_of_rank)};
  find_log_sum_exp(context, communicator, sequences_of_rank, by_sequence, scale);
  find_log_sum_exp(context, communicator, structures_of_rank, by_structure, scale);

  // Per shard, gathered in the order of shards: sums that do not know how many ranks there are.
  const auto mine =
      context.scratch.host_array<ClipSums>(static_cast<std::size_t>(layout.local_shards));
  add_shard_sums(context.scratch, by_sequence, &ClipSums::by_sequence, mine);
  add_shard_sums(context.scratch, by_structure, &ClipSums::by_structure, mine);
  for (ClipSums& shard : mine) shard.flags = flags;
  LossResult result;
  const double crops = sequences.rows(), proteins = structures.rows();
  for (const ClipSums& shard :
       gathered(context.scratch, communicator, layout, std::span<const ClipSums>(mine))) {
    result.sequence_to_structure += shard.by_sequence.loss / crops;
    result.structure_to_sequence += shard.by_structure.loss / proteins;
    result.accuracy_sequence_to_structure += shard.by_sequence.right / crops;
    result.accuracy_structure_to_sequence += shard.by_structure.right / proteins;
    result.requested_flags |= static_cast<int>(shard.flags);
  }
  result.loss = 0.5 * (result.sequence_to_structure + result.structure_to_sequence);
  if (!gradients) return result;

  const Vector<Real> dscale =
      context.scratch.vector<Real>(static_cast<std::size_t>(sequences.local_rows()));
  differentiate(context, by_structure, flat(by_sequence.all_lse), scale, gradients->dstructure,
                dscale);
  // The second call overwrites dscale: each logit counts once, with the row of its sequence.
  differentiate(context, by_sequence, flat(by_structure.all_lse), scale, gradients->dsequence,
                dscale);
  sum_by_shard(context.scratch, sequences, dscale, gradients->dlogit_scale);
  return result;
}

template struct ClipLoss<F32>;
template struct ClipLoss<F64>;

}  // namespace jespr
