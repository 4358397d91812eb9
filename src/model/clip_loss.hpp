// ClipLoss: symmetric InfoNCE with a learned logit scale (Radford et al. 2021, arXiv:2103.00020),
// over the global batch of all ranks, without a logit matrix.
#pragma once

#include <string>
#include <vector>

#include "backend/communicator.hpp"
#include "tensor/context.hpp"
#include "tensor/store.hpp"

namespace jespr {

struct LossSettings {
  std::string kind = "clip";
  bool clamp_scale = true;       // keep exp(logit_scale) at or below largest_scale
  double largest_scale = 100.0;  // CLIP's
  double initial_temperature = 0.07;
};

/// How the global batch of B proteins is cut: V shards, consecutive blocks of V / R per rank.
struct BatchLayout {
  std::vector<int> proteins_of_shard;  // [V]
  int first_local = 0;                 // shard
  int local_shards = 0;

  int shards() const { return static_cast<int>(proteins_of_shard.size()); }
  /// Row of the global batch at which shard v starts.
  int start_of(int shard) const;
  int proteins() const { return start_of(shards()); }
  int local_proteins() const {
    return start_of(first_local + local_shards) - start_of(first_local);
  }
  /// Proteins of one of R ranks, each with an equal block of shards.
  int proteins_of_rank(int rank, int ranks) const;
};

struct LossResult {
  double loss = 0;                            // (sequence_to_structure + structure_to_sequence) / 2
  double sequence_to_structure = 0;           // mean cross entropy of rows
  double structure_to_sequence = 0;           // of columns
  double accuracy_sequence_to_structure = 0;  // share of rows whose partner is strictly the best
  double accuracy_structure_to_sequence = 0;
  int requested_flags = 0;  // bitwise or of every rank's request (stop signals travel here)
};

/// The largest number x of type T for which exp(x) <= `bound`, in f64 and rounded to T. bound >= 1.
template <class T>
T log_rounded_down(double bound);

/// s_ij = exp(logit_scale) x_i . y_j;
/// L = 1/(2B) sum_i (a_i - s_ii) + 1/(2B) sum_j (c_j - s_jj), a and c the log-sum-exp of rows and
/// columns;
/// dL/dx_i = scale/(2B) sum_j (exp(s_ij - a_i) + exp(s_ij - c_j) - 2 delta_ij) y_j, likewise y_j;
/// dL/dlogit_scale = sum_ij dL/ds_ij s_ij.
/// Two passes over tiles of one shard's rows by one shard's columns, at most 1024 of each, in
/// global order: memory is linear in B and no product's shape depends on the number of ranks. Its
/// products round nothing, whatever the precision of the others.
template <class P>
struct ClipLoss {
  using Real = typename P::Real;

  Parameter<P>* logit_scale = nullptr;
  typename P::Master largest_logit_scale{};  // infinite: not clamped

  /// The logit scale starts at log(1 / initial_temperature), at the clamp if that is higher.
  static ClipLoss add(ParameterStore<P>& store, const LossSettings& settings);

  /// Gradients of the local rows; `dlogit_scale[k]` belongs to local shard k, their sum over all
  /// shards of all ranks is the gradient of logit_scale.
  struct Gradients {
    Matrix<Real> dsequence, dstructure;  // [local proteins, J], assigned
    std::vector<double> dlogit_scale;    // [local shards]
  };

  /// sequence, structure: the local rows [local proteins, J] in the order of shards. `gradients`
  /// may be null (validation). `flags` is or-ed over ranks into the result.
  LossResult evaluate(Context& context, const Communicator& communicator, const BatchLayout& layout,
                      Matrix<Real> sequence, Matrix<Real> structure, Gradients* gradients,
                      int flags = 0) const;

  double scale() const;  // exp(logit_scale)
  /// logit_scale = min(logit_scale, largest_logit_scale); to be called after an update.
  void clamp() const;
};

}  // namespace jespr
