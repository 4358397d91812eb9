// Batch: proteins as the two encoders take them, packed on the host. Random parts (noise, masks)
// are functions of (seed, epoch, protein, residue), never of the place in the batch.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data/crop.hpp"
#include "data/shards.hpp"

namespace jespr::data {

/// One chain of a dataset, L residues.
struct Protein {
  std::string name;
  std::string sequence;            // [L] one-letter residues
  std::vector<float> coordinates;  // [L, 3 (N, CA, C), 3] Angstrom; not finite: missing
  std::vector<float> confidence;   // [L] in [0, 1]

  int length() const { return static_cast<int>(sequence.size()); }
};

/// Gives the chain of this index in the dataset. Called from the loader's thread: it may not use
/// HDF5, MPI or Kokkos.
using ProteinReader = std::function<Protein(int identity)>;

/// Rows of the sequence encoder: <cls> residues <eos> of each sequence, end to end; one sequence of
/// each protein, or K crops of each, those of a protein side by side (S = K B).
struct SequenceRows {
  std::vector<int> rows;    // [S] rows of each sequence
  std::vector<int> tokens;  // [N] ESM-1b alphabet
  std::vector<int> targets =
      {};  // [N] the token that a row predicts, -1: none; or empty: none at all
  std::vector<int> identity = {};  // [S] names crops for random draws; empty: as the proteins
};

/// Rows of the structure encoder, as its reference batch converter makes them: a row before and
/// one after the residues of each protein has coordinates +inf and confidence -1; NaN is +inf.
struct StructureRows {
  std::vector<int> rows;           // [B]
  std::vector<float> coordinates;  // [N, 3, 3] Angstrom; not finite: missing
  std::vector<float> confidence;   // [N]
};

/// One shard for both encoders. A protein may have different numbers of rows in the two, and
/// several crops of its sequence.
struct ShardRows {
  std::vector<int> identity;  // [B] index in the dataset: names a protein for random draws
  SequenceRows sequence;
  StructureRows structure;
  std::vector<int> classes =
      {};  // [levels, B] class of a protein at each level of a label, -1: unknown; or empty

  int proteins() const { return static_cast<int>(identity.size()); }
  int sequences() const { return static_cast<int>(sequence.rows.size()); }
};

/// What one rank works on in one step.
struct StepRows {
  std::int64_t step = 0;
  std::vector<int> proteins_of_shard;  // [V] of the whole batch
  std::vector<ShardRows> shards;       // those of this rank
  int sequences_of_protein = 1;        // K
};

/// Which residues the rows of the sequence encoder predict: none; of a random share each its own
/// residue (Devlin et al. 2019, arXiv:1810.04805: of these rows 80 % show <mask>, 10 % a random one
/// of the 20 residues, 10 % what is there); or each row but the last the token of the next.
enum class Predicted { nothing, masked, next };

/// What is changed at random in what is shown; by default nothing.
struct Augmentation {
  std::uint64_t seed = 0;
  double coordinate_noise = 0;  // Angstrom; standard deviation of each coordinate of present atoms
  double masked_fraction = 0;   // probability of a residue to become <mask>
  Predicted predicted = Predicted::nothing;
  double predicted_fraction = 0;  // probability of a residue, where masked ones are predicted
};

/// Appends the windows of one protein; crops of its sequence have masks of their own. Failure:
/// Error (data) for a letter without token or arrays that do not fit the sequence.
void append_protein(ShardRows& shard, int identity, const Protein& protein, const Windows& windows,
                    const Augmentation& augmentation = {}, std::int64_t epoch = 0);

/// A training shard: windows and changes as drawn for `epoch`.
ShardRows training_rows(const Shard& shard, const ProteinReader& read, const CropRule& crop,
                        const Augmentation& augmentation, std::int64_t epoch);

/// As many rows as training ever makes of a shard: the longest windows, nothing changed.
ShardRows fullest_rows(const Shard& shard, const ProteinReader& read, const CropRule& crop);

/// A shard as it is, for evaluation: whole chains, or their central `kept` > 0 residues; with
/// predictions, if any, drawn for epoch 0.
ShardRows plain_rows(const Shard& shard, const ProteinReader& read, int kept = 0,
                     const Augmentation& augmentation = {});

}  // namespace jespr::data
