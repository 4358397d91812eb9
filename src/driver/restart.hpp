// How a run goes on: the checkpoint that it continues from, and whether folder, deck and dataset
// fit to it.
#pragma once

#include <cstdint>
#include <string>

#include "backend/communicator.hpp"
#include "backend/products.hpp"
#include "driver/checkpoints.hpp"
#include "driver/settings.hpp"
#include "driver/training_state.hpp"

namespace jespr {

/// The checkpoint that the deck's `restart` continues from, "" to start at step 0. Error (deck)
/// where results in the run's folder would be lost: restart = 'no' wants a folder without any,
/// 'file' too unless it names the folder's newest checkpoint. Error (data) where no checkpoint is
/// sound. Collective.
std::string find_restart(const CheckpointSettings& settings, const CheckpointFolder& folder,
                         const Communicator& communicator);

/// The deck that a checkpoint's run was steered by. Failure: Error (data, deck).
Settings trained_settings(const std::string& checkpoint);

/// The number of shards that a checkpoint was computed with.
template <class P>
std::int64_t shards_of(const std::string& checkpoint);

/// The library of the f32 products: the one that `asked` (&run matrix_library) names; for 'auto'
/// the one whose bits the checkpoint holds, where this build has it, or the default.
template <class P>
ProductLibrary choose_library(const std::string& asked, const std::string& checkpoint);

/// Reads `state` from a sound checkpoint. What decides the bits of the steps to come must be as
/// `state` has it on entry, or the run could not continue: Error (deck, data). Other lines of the
/// deck that have changed are logged.
template <class P>
void restore_state(const std::string& checkpoint, TrainingState<P>& state, const DeckText& deck,
                   const std::string& dataset);

}  // namespace jespr
