// Validation during training: loss and accuracies over chains that are not trained on, in batches
// like those of training, retrieval over all of them, percentile ranks at equal length, and the
// pairs of highest loss.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "data/label_classes.hpp"
#include "driver/gallery.hpp"
#include "driver/history.hpp"
#include "driver/training_step.hpp"
#include "driver/worst_pairs.hpp"

namespace jespr {

template <class P>
class Validation {
 public:
  /// On the chains `indices` of `dataset`, which must outlive it. Accuracies of `classes`, those of
  /// training, are over the chains whose class is one of them.
  Validation(const Settings& settings, const data::Dataset& dataset,
             const data::LabelClasses& classes, const std::vector<std::int64_t>& indices,
             const Communicator& communicator);

  /// Whether there is anything to be found: one chain alone always is.
  bool exists() const { return chains_.size() > 1; }
  int chains() const { return static_cast<int>(chains_.size()); }
  /// Whether there is a gallery of equal lengths: two chains of validate.equal_length residues,
  /// where sequences have partners to find.
  bool compares_equal_lengths() const {
    return settings_.model.loss.is_joint() && settings_.validate.retrieval.equal_length > 0 &&
           long_chains_.size() > 1;
  }

  /// Rows of both encoders that are in memory at a time, at most, where a batch has `shards`
  /// shards.
  std::int64_t most_rows(std::int64_t shards) const;

  /// One pass; the result is the same on any number of ranks. Collective.
  ValidationRow run(TrainingStep<P>& step, std::int64_t steps_done);

  /// The pairs of highest loss in the last pass, as many as the deck asks for.
  const std::vector<WorstPair>& worst() const { return worst_; }

  /// The row as a line of the log.
  std::string describe(const ValidationRow& row) const;
  /// What is wrong with the embeddings of the last pass, "" if nothing or if it is too early to
  /// say.
  std::string warning(std::int64_t steps_done) const;

 private:
  using Real = typename P::Real;
  struct Collected {
    std::vector<std::int64_t> places;
    std::vector<Real> sequence, structure;
  };
  void run_batches(TrainingStep<P>& step, ValidationRow& row, Collected& collected);

  const Settings& settings_;
  const Communicator& communicator_;
  data::ProteinReader read_;
  const data::Dataset& dataset_;
  data::ChainClasses classes_;
  std::vector<data::Chain> chains_, long_chains_;
  std::vector<WorstPair> worst_;
  std::optional<Spreads> spreads_;  // in the last pass, of a joint space
};

}  // namespace jespr
