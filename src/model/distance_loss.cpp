// DistanceLoss.
#include "model/distance_loss.hpp"

#include <cmath>
#include <span>

#include "kernels/pairwise.hpp"
#include "model/partner_search.hpp"
#include "tensor/loops.hpp"

namespace jespr {
namespace {

/// The local rows of one modality among all of it.
template <class T>
struct Neighbourhood {
  Vector<T> sums;   // [local] sum_j w_ij
  Matrix<T> pulls;  // [local, J] sum_j w_ij x_j, where gradients are asked for
};

template <class T>
Neighbourhood<T> find_neighbourhood(Context& context, const BatchLayout& layout, Matrix<T> rows,
                                    Matrix<T> all, T sharpness, bool differentiate) {
  const std::size_t local = rows.extent(0);
  Neighbourhood<T> found{context.scratch.vector<T>(local),
                         context.scratch.matrix<T>(differentiate ? local : 0, rows.extent(1))};
  fill(found.sums, T(0));
  Scope scope(context.scratch);
  const Vector<T> squares = context.scratch.vector<T>(all.extent(0));
  kernels::row_squares(all, squares);
  for_each_tile(context, layout, rows, all, T(1),
                [&](Matrix<T> tile, const Block& block, int row0, const Block& others) {
                  kernels::gaussian_tile(tile, block.begin, others.begin,
                                         part(squares, block.begin, block.size),
                                         part(squares, others.begin, others.size), sharpness,
                                         part(found.sums, row0, block.size));
                  if (differentiate)
                    matmul_nn(context, tile, rows_of(all, others.begin, others.begin + others.size),
                              rows_of(found.pulls, row0, row0 + block.size),
                              others.begin == 0 ? T(0) : T(1));
                });
  return found;
}

/// What a shard tells all ranks, f64 sums in the order of rows.
struct DistanceSums {
  double square = 0, gaussians_of_sequence = 0, gaussians_of_structure = 0;
  double right_by_sequence = 0, right_by_structure = 0, flags = 0;
};

}  // namespace

template <class P>
DistanceLoss<P> DistanceLoss<P>::add(ParameterStore<P>&, const LossSettings& settings) {
  return {settings.alignment_weight, settings.uniformity_weight, settings.uniformity_sharpness};
}

template <class P>
LossResult DistanceLoss<P>::evaluate(Context& context, const Communicator& communicator,
                                     const BatchLayout& layout, Matrix<Real> sequence,
                                     Matrix<Real> structure, Gradients* gradients,
                                     int flags) const {
  Scope scope(context.scratch);
  const UnroundedProducts unrounded(context.products);
  Workspace& scratch = context.scratch;
  const double batch = layout.proteins();
  const std::size_t local = sequence.extent(0), width = sequence.extent(1);
  const auto shards = static_cast<std::size_t>(layout.local_shards);
  const auto rows_of_rank = rows_of_ranks(scratch, communicator, layout);
  const auto sequences = all_gather_rows(scratch, communicator, sequence, rows_of_rank);
  const auto structures = all_gather_rows(scratch, communicator, structure, rows_of_rank);

  const Vector<double> squares = scratch.vector<double>(local);
  const Matrix<Real> dsequence =
      gradients ? gradients->dsequence : scratch.matrix<Real>(local, width);
  const Matrix<Real> dstructure =
      gradients ? gradients->dstructure : scratch.matrix<Real>(local, width);
  kernels::pull_partners(sequence, structure, static_cast<Real>(2 * alignment_weight / batch),
                         dsequence, dstructure, squares);
  const Real t = static_cast<Real>(sharpness);
  const bool differentiate = gradients != nullptr;
  const Neighbourhood<Real> near_sequence =
      find_neighbourhood(context, layout, sequence, sequences, t, differentiate);
  const Neighbourhood<Real> near_structure =
      find_neighbourhood(context, layout, structure, structures, t, differentiate);
  const auto right_by_sequence = scratch.host_array<double>(shards);
  const auto right_by_structure = scratch.host_array<double>(shards);
  count_nearest(context, layout, sequence, structures, right_by_sequence);
  count_nearest(context, layout, structure, sequences, right_by_structure);

  const auto mine = scratch.host_array<DistanceSums>(shards);
  const auto host_squares = scratch.download(squares);
  const auto sums_x = scratch.download(near_sequence.sums),
             sums_y = scratch.download(near_structure.sums);
  for_each_local_row(layout, [&](std::size_t k, std::size_t i) {
    mine[k].square += host_squares[i];
    mine[k].gaussians_of_sequence += static_cast<double>(sums_x[i]);
    mine[k].gaussians_of_structure += static_cast<double>(sums_y[i]);
  });
  for (std::size_t k = 0; k < shards; ++k) {
    mine[k].right_by_sequence = right_by_sequence[k];
    mine[k].right_by_structure = right_by_structure[k];
    mine[k].flags = flags;
  }
  LossResult result;
  DistanceSums all;
  for (const DistanceSums& shard :
       gathered(scratch, communicator, layout, std::span<const DistanceSums>(mine))) {
    all.square += shard.square;
    all.gaussians_of_sequence += shard.gaussians_of_sequence;
    all.gaussians_of_structure += shard.gaussians_of_structure;
    result.accuracy_sequence_to_structure += shard.right_by_sequence / batch;
    result.accuracy_structure_to_sequence += shard.right_by_structure / batch;
    result.requested_flags |= static_cast<int>(shard.flags);
  }
  const double pairs = batch * (batch - 1);
  result.loss =
      alignment_weight * all.square / batch + uniformity_weight / 2 *
                                                  (std::log(all.gaussians_of_sequence / pairs) +
                                                   std::log(all.gaussians_of_structure / pairs));
  if (!gradients) return result;
  const auto factor = [&](double total) {
    return static_cast<Real>(-2 * sharpness * uniformity_weight / total);
  };
  kernels::add_repulsion(sequence, near_sequence.sums, near_sequence.pulls,
                         factor(all.gaussians_of_sequence), dsequence);
  kernels::add_repulsion(structure, near_structure.sums, near_structure.pulls,
                         factor(all.gaussians_of_structure), dstructure);
  return result;
}

template struct DistanceLoss<F32>;
template struct DistanceLoss<F64>;

}  // namespace jespr
