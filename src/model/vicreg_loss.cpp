// VicregLoss.
#include "model/vicreg_loss.hpp"

#include <numeric>
#include <span>

#include "kernels/covariance.hpp"
#include "kernels/pairwise.hpp"
#include "model/partner_search.hpp"

namespace jespr {
namespace {

/// Variance and covariance terms of one modality.
struct Spread {
  double hinges = 0, squares = 0;
};

/// `all` [B, E] is centred in place; with `drows` the gradient is added for the local rows.
template <class T>
Spread add_spread(Context& context, const BatchLayout& layout,
                  const kernels::SpreadCriterion& criterion, Matrix<T> all,
                  const Matrix<T>* drows) {
  Scope scope(context.scratch);
  const std::size_t width = all.extent(1);
  const T free = static_cast<T>(1.0 / (layout.proteins() - 1));
  const Matrix<T> covariance = context.scratch.matrix<T>(width, width);
  const Vector<double> hinges = context.scratch.vector<double>(width);
  const Vector<double> squares = context.scratch.vector<double>(width);
  kernels::centre_columns(all);
  matmul_tn(context, all, all, covariance, T(0), free);
  kernels::spread_gradient(covariance, criterion, hinges, squares);
  const auto sum = [&](const Vector<double>& terms) {
    const auto host = context.scratch.download(terms);
    return std::accumulate(host.begin(), host.end(), 0.0);
  };
  const Spread spread{sum(hinges), sum(squares)};
  if (!drows) return spread;
  const int first = layout.first_local_protein();
  for (int k = 0; k < layout.local_shards; ++k)
    for_each_block(layout, layout.first_local + k, [&](const Block& block) {
      matmul_nn(context, rows_of(all, block.begin, block.begin + block.size), covariance,
                rows_of(*drows, block.begin - first, block.begin - first + block.size), T(1), free);
    });
  return spread;
}

/// What a shard tells all ranks, f64 sums in the order of rows.
struct VicregSums {
  double square = 0, right_by_sequence = 0, right_by_structure = 0, flags = 0;
};

}  // namespace

template <class P>
VicregLoss<P> VicregLoss<P>::add(ParameterStore<P>&, const LossSettings& settings) {
  return {settings.invariance_weight, settings.variance_weight, settings.covariance_weight};
}

template <class P>
LossResult VicregLoss<P>::evaluate(Context& context, const Communicator& communicator,
                                   const BatchLayout& layout, Matrix<Real> sequence,
                                   Matrix<Real> structure, Gradients* gradients, int flags) const {
  Scope scope(context.scratch);
  const UnroundedProducts unrounded(context.products);
  Workspace& scratch = context.scratch;
  const double batch = layout.proteins();
  const std::size_t local = sequence.extent(0), width = sequence.extent(1);
  const double columns = static_cast<double>(width);
  const auto shards = static_cast<std::size_t>(layout.local_shards);
  const auto rows_of_rank = rows_of_ranks(scratch, communicator, layout);
  const auto sequences = all_gather_rows(scratch, communicator, sequence, rows_of_rank);
  const auto structures = all_gather_rows(scratch, communicator, structure, rows_of_rank);
  const auto right_by_sequence = scratch.host_array<double>(shards);
  const auto right_by_structure = scratch.host_array<double>(shards);
  count_nearest(context, layout, sequence, structures, right_by_sequence);
  count_nearest(context, layout, structure, sequences, right_by_structure);

  const Vector<double> squares = scratch.vector<double>(local);
  const Matrix<Real> dsequence =
      gradients ? gradients->dsequence : scratch.matrix<Real>(local, width);
  const Matrix<Real> dstructure =
      gradients ? gradients->dstructure : scratch.matrix<Real>(local, width);
  kernels::pull_partners(sequence, structure,
                         static_cast<Real>(2 * invariance_weight / (batch * columns)), dsequence,
                         dstructure, squares);
  kernels::SpreadCriterion criterion;
  criterion.variance = variance_weight / columns;
  criterion.covariance = 4 * covariance_weight / columns;
  const Spread of_sequence =
      add_spread(context, layout, criterion, sequences, gradients ? &dsequence : nullptr);
  const Spread of_structure =
      add_spread(context, layout, criterion, structures, gradients ? &dstructure : nullptr);

  const auto mine = scratch.host_array<VicregSums>(shards);
  const auto host_squares = scratch.download(squares);
  for_each_local_row(layout,
                     [&](std::size_t k, std::size_t i) { mine[k].square += host_squares[i]; });
  for (std::size_t k = 0; k < shards; ++k) {
    mine[k].right_by_sequence = right_by_sequence[k];
    mine[k].right_by_structure = right_by_structure[k];
    mine[k].flags = flags;
  }
  LossResult result;
  double square = 0;
  for (const VicregSums& shard :
       gathered(scratch, communicator, layout, std::span<const VicregSums>(mine))) {
    square += shard.square;
    result.accuracy_sequence_to_structure += shard.right_by_sequence / batch;
    result.accuracy_structure_to_sequence += shard.right_by_structure / batch;
    result.requested_flags |= static_cast<int>(shard.flags);
  }
  result.loss = invariance_weight * square / (batch * columns) +
                variance_weight * (of_sequence.hinges + of_structure.hinges) / columns +
                covariance_weight * (of_sequence.squares + of_structure.squares) / columns;
  return result;
}

template struct VicregLoss<F32>;
template struct VicregLoss<F64>;

}  // namespace jespr
