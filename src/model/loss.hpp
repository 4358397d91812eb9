// What the losses over the global batch share: what a deck says about them, how a batch is cut,
// what they return.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/store.hpp"

namespace jespr {

struct LossSettings {
  std::string kind = "clip";
  // clip, siglip
  bool clamp_logit_scale = true;  // keep exp(logit_scale) at or below largest_scale
  double largest_scale = 100.0;   // CLIP's
  double initial_temperature = 0.07;
  double initial_bias = -10.0;  // siglip
  // vicreg
  double invariance_weight = 25, variance_weight = 25, covariance_weight = 1;
  std::int64_t expander_width = 1024;
  // distance
  double alignment_weight = 1, uniformity_weight = 1, uniformity_sharpness = 2;
  // predicting residues, alone (kind) or beside the joint loss
  double mlm_weight = 0, causal_weight = 0;
  double predicted_fraction = 0.15;  // BERT's and ESM-2's

  /// Whether sequence and structure are embedded in one space; kind none: for &classes alone.
  bool is_joint() const { return kind != "mlm" && kind != "causal"; }
  /// Whether a structure may have several sequences to be compared with.
  bool takes_crops() const { return kind == "clip" || kind == "siglip"; }
  bool is_mlm() const { return kind == "mlm" || mlm_weight > 0; }
  bool is_causal() const { return kind == "causal" || causal_weight > 0; }
  bool has_language() const { return is_mlm() || is_causal(); }
  /// Factor of the language loss in the whole.
  double language_weight() const { return is_joint() ? mlm_weight + causal_weight : 1.0; }
};

/// What `kind` may be, in an order that checkpoints know: new ones at the end.
inline const std::vector<std::string> objectives = {"clip", "siglip", "vicreg", "distance",
                                                    "mlm",  "causal", "none"};
/// The place of a kind in it.
std::int64_t objective_of(const std::string& kind);

struct RowLayout;

/// How the global batch of B proteins is cut: V shards, consecutive blocks of V / R per rank.
struct BatchLayout {
  std::vector<int> proteins_of_shard;  // [V]
  int first_local = 0;                 // shard
  int local_shards = 0;
  int sequences_of_protein = 1;  // K

  int shards() const { return static_cast<int>(proteins_of_shard.size()); }
  /// Row of the global batch at which shard v starts.
  int start_of(int shard) const;
  int proteins() const { return start_of(shards()); }
  int first_local_protein() const { return start_of(first_local); }
  int local_proteins() const {
    return start_of(first_local + local_shards) - first_local_protein();
  }
  /// Proteins of one of R ranks, each with an equal block of shards.
  int proteins_of_rank(int rank, int ranks) const;

  /// Rows of the modalities: K of each protein, and one.
  RowLayout sequences() const;
  RowLayout structures() const;
};

/// How the rows of a modality are cut: as the proteins, each of which has `of_protein` rows side by
/// side. Looks at the layout that it is made from, which must outlive it.
struct RowLayout {
  const BatchLayout& batch;
  int of_protein;

  /// One row of each protein.
  RowLayout(const BatchLayout& layout) : RowLayout(layout, 1) {}
  RowLayout(const BatchLayout& layout, int each) : batch(layout), of_protein(each) {}

  /// Row of the global batch at which shard v starts.
  int start_of(int shard) const { return of_protein * batch.start_of(shard); }
  int rows() const { return of_protein * batch.proteins(); }
  int rows_of_shard(int shard) const {
    return of_protein * batch.proteins_of_shard[static_cast<std::size_t>(shard)];
  }
  int rows_of_rank(int rank, int ranks) const {
    return of_protein * batch.proteins_of_rank(rank, ranks);
  }
  int first_local_row() const { return of_protein * batch.first_local_protein(); }
  int local_rows() const { return of_protein * batch.local_proteins(); }
};
inline RowLayout BatchLayout::sequences() const { return {*this, sequences_of_protein}; }
inline RowLayout BatchLayout::structures() const { return {*this, 1}; }

struct LossResult {
  double loss = 0;
  // clip alone: loss = (sequence_to_structure + structure_to_sequence) / 2
  double sequence_to_structure = 0;  // mean cross entropy of rows
  double structure_to_sequence = 0;  // of columns
  // Share of rows one of whose partners is strictly the best: of the largest logit, or the nearest.
  double accuracy_sequence_to_structure = 0;
  double accuracy_structure_to_sequence = 0;
  // Of the residues that the language head predicts, over the global batch; its part in `loss` is
  // weighted.
  double language_loss = 0;  // mean of -log p
  double language_accuracy = 0;
  int requested_flags = 0;  // bitwise or of every rank's request (stop signals travel here)
};

/// Gradients of the local rows; what belongs to local shard k of a parameter's gradient, whose sum
/// over all shards of all ranks is the gradient.
template <class P>
struct LossGradients {
  Matrix<typename P::Real> dsequence, dstructure;  // [local rows, width], assigned
  std::vector<double> dlogit_scale, dlogit_bias;   // [local shards], of losses that have one
};

}  // namespace jespr
