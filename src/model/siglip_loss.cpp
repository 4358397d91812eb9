// SiglipLoss.
#include "model/siglip_loss.hpp"

#include <span>

#include "kernels/pairwise.hpp"
#include "model/loss_tiles.hpp"
#include "tensor/loops.hpp"

namespace jespr {
namespace {

/// One direction: the local rows of one modality, and what the tiles sum for each of them.
template <class T>
struct SiglipDirection {
  kernels::RowStatistics<T> scores;
  Vector<T> losses, dscale, dbias;  // [local]
};

/// Fills the sums and, where there is a `drows`, it with scale * G columns.
template <class T>
SiglipDirection<T> pass(Context& context, const RowLayout& row_layout,
                        const RowLayout& column_layout, Matrix<T> rows, Matrix<T> columns, T scale,
                        T bias, const Matrix<T>* drows) {
  const auto local = static_cast<std::size_t>(row_layout.local_rows());
  SiglipDirection<T> sums{kernels::RowStatistics<T>::take(context.scratch, static_cast<int>(local)),
                          context.scratch.vector<T>(local), context.scratch.vector<T>(local),
                          context.scratch.vector<T>(local)};
  kernels::reset(sums.scores);
  fill(sums.losses, T(0));
  fill(sums.dscale, T(0));
  fill(sums.dbias, T(0));
  const T factor = static_cast<T>(1.0 / row_layout.batch.sequences().rows());
  const kernels::Partners partners{row_layout.of_protein, column_layout.of_protein};
  for_each_tile(
      context, row_layout, column_layout, rows, columns, scale,
      [&](Matrix<T> tile, const Block& block, int row0, const Block& others) {
        context.observe("logits", tile);
        kernels::accumulate_tile(tile, block.begin, others.begin,
                                 part(sums.scores, row0, block.size), partners);
        kernels::sigmoid_tile(
            tile, block.begin, others.begin, bias, factor, part(sums.losses, row0, block.size),
            part(sums.dscale, row0, block.size), part(sums.dbias, row0, block.size), partners);
        if (!drows) return;
        matmul_nn(context, tile, rows_of(columns, others.begin, others.begin + others.size),
                  rows_of(*drows, row0, row0 + block.size), others.begin == 0 ? T(0) : T(1), scale);
      });
  return sums;
}

/// What a shard tells all ranks, f64 sums in the order of rows.
struct SiglipSums {
  double loss = 0, right_by_sequence = 0, right_by_structure = 0, flags = 0;
};

template <class T>
void count_right(Workspace& scratch, const RowLayout& layout, const SiglipDirection<T>& direction,
                 double SiglipSums::*count, std::span<SiglipSums> shards) {
  const auto partner = scratch.download(direction.scores.best_partner),
             other = scratch.download(direction.scores.best_other);
  for_each_local_row(layout, [&](std::size_t k, std::size_t i) {
    shards[k].*count += is_right(partner, other, i);
  });
}

}  // namespace

template <class P>
SiglipLoss<P> SiglipLoss<P>::add(ParameterStore<P>& store, const LossSettings& settings) {
  store.set_part(Part::scale);
  SiglipLoss loss;
  loss.logit_scale = LogitScale<P>::add(store, settings);
  loss.logit_bias = &store.add("logit_bias", {}, Init::constant(settings.initial_bias));
  return loss;
}

template <class P>
LossResult SiglipLoss<P>::evaluate(Context& context, const Communicator& communicator,
                                   const BatchLayout& layout, Matrix<Real> sequence,
                                   Matrix<Real> structure, Gradients* gradients, int flags) const {
  Scope scope(context.scratch);
  const UnroundedProducts unrounded(context.products);
  const Real scale = static_cast<Real>(logit_scale.factor());
  const Real bias = static_cast<Real>(number_of(logit_bias->value));
  const RowLayout sequences = layout.sequences(), structures = layout.structures();
  const auto all_structures =
      all_gather_rows(context.scratch, communicator, structure,
                      rows_of_ranks(context.scratch, communicator, structures));
  const auto all_sequences =
      all_gather_rows(context.scratch, communicator, sequence,
                      rows_of_ranks(context.scratch, communicator, sequences));
  const SiglipDirection<Real> by_sequence =
      pass(context, sequences, structures, sequence, all_structures, scale, bias,
           gradients ? &gradients->dsequence : nullptr);
  const SiglipDirection<Real> by_structure =
      pass(context, structures, sequences, structure, all_sequences, scale, bias,
           gradients ? &gradients->dstructure : nullptr);

  const auto mine =
      context.scratch.host_array<SiglipSums>(static_cast<std::size_t>(layout.local_shards));
  const auto losses = context.scratch.download(by_sequence.losses);
  for_each_local_row(sequences, [&](std::size_t k, std::size_t i) {
    mine[k].loss += static_cast<double>(losses[i]);
  });
  count_right(context.scratch, sequences, by_sequence, &SiglipSums::right_by_sequence, mine);
  count_right(context.scratch, structures, by_structure, &SiglipSums::right_by_structure, mine);
  for (SiglipSums& shard : mine) shard.flags = flags;
  LossResult result;
  const double crops = sequences.rows(), proteins = structures.rows();
  for (const SiglipSums& shard :
       gathered(context.scratch, communicator, layout, std::span<const SiglipSums>(mine))) {
    result.loss += shard.loss / crops;
    result.accuracy_sequence_to_structure += shard.right_by_sequence / crops;
    result.accuracy_structure_to_sequence += shard.right_by_structure / proteins;
    result.requested_flags |= static_cast<int>(shard.flags);
  }
  if (gradients) {  // each logit counts once, with the row of its sequence
    sum_by_shard(context.scratch, sequences, by_sequence.dscale, gradients->dlogit_scale);
    sum_by_shard(context.scratch, sequences, by_sequence.dbias, gradients->dlogit_bias);
  }
  return result;
}

template struct SiglipLoss<F32>;
template struct SiglipLoss<F64>;

}  // namespace jespr
