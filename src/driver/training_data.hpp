// From a deck and a dataset to the batches of training.
#pragma once

#include <memory>

#include "data/dataset.hpp"
#include "data/label_classes.hpp"
#include "data/training_batches.hpp"
#include "driver/settings.hpp"

namespace jespr {

/// V and R must fit: each rank has V / R shards, and an exact sum is a binary tree over both.
/// Failure: Error (deck).
void check_ranks(const Settings& settings, const DeckText& deck, int ranks);

/// What the language head of this loss predicts.
data::Predicted predicted_by(const LossSettings& loss);

/// Batches of the chains named in the deck, or of the training split. `dataset` must outlive them.
/// Failure: Error (data) for a name that the dataset lacks, and as Sampler with the deck's name.
std::unique_ptr<data::TrainingBatches> training_batches(const Settings& settings,
                                                        const DeckText& deck,
                                                        const data::Dataset& dataset);

/// The classes of the same chains by the deck's &classes label; none without one. Failure: Error
/// (data), as LabelClasses and read_labels.
data::LabelClasses training_classes(const Settings& settings, const data::Dataset& dataset);

/// The part of a rank in all shards of a batch.
struct ShardRange {
  int begin, end;
};
ShardRange shards_of_rank(const Settings& settings, const Communicator& communicator);
BatchLayout layout_of(const data::StepRows& rows, const Communicator& communicator);

}  // namespace jespr
