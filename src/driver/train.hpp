// task = 'train': joint pre-training from the deck to the last checkpoint.
#pragma once

#include "backend/communicator.hpp"
#include "base/error.hpp"
#include "driver/settings.hpp"

namespace jespr {

/// Trains, or with `dry_run` does one step, one validation and one checkpoint. Returns Exit::ok, or
/// Exit::stopped after a request to stop. Collective. Failure: Error.
Exit train(const Settings& settings, const DeckText& deck, const Communicator& communicator,
           bool dry_run);

}  // namespace jespr
