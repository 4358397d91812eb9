// task = 'evaluate': what the model of a checkpoint has learned, measured by cross-modal retrieval.
#pragma once

#include "backend/communicator.hpp"
#include "driver/settings.hpp"
#include "driver/train.hpp"

namespace jespr {

/// Embeds the chains of a split by the model of a checkpoint (its shape comes from the checkpoint
/// too) and measures retrieval in both directions: over all whole chains, and over those of at
/// least `equal_length` residues cut to their central ones; beside the same model with the weights
/// that its training started from, a ranker that knows lengths alone, and chance. Tables go to the
/// log, results to evaluation.json and evaluation.h5. The same numbers on any number of ranks.
/// Collective. Failure: Error (data) for a checkpoint or dataset that is missing or damaged, Error
/// (deck) where results of that name lie already.
void evaluate(const Settings& settings, const DeckText& deck, const Communicator& communicator);

}  // namespace jespr
