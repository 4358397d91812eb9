// Initial weights from files: what &sequence, &structure and &joint weights name. Such a file is a
// checkpoint, or published weights that utilities/import_weights.py wrote.
#pragma once

#include <string>

#include "backend/communicator.hpp"
#include "model/joint_model.hpp"
#include "tensor/store.hpp"

namespace jespr {

/// Every file that the deck names is there and sound: to be asked before anything is begun.
/// Collective. Failure: Error (data), ending with `advice`.
void check_initial_weights(const ModelSettings& settings, const Communicator& communicator,
                           const std::string& advice = "");

/// Fills the parameters of the encoders, or heads, whose group names a file; all others keep their
/// values. What a file must hold, and what it may lack or hold besides, is said in
/// doc/weights.md. Logs and returns what was taken from where, a line for each file; "" where no
/// group names one. Every rank reads, and gets the same. Failure: Error (data) naming file, tensor,
/// what was found and what is expected.
template <class P>
std::string take_initial_weights(ParameterStore<P>& store, const ModelSettings& settings);

/// What take_initial_weights returned at the start of the run that a checkpoint is of.
std::string initial_weights_of(const std::string& checkpoint);

/// Name of that text in /info of a checkpoint, which has none where all weights were drawn.
inline constexpr const char* initial_weights_name = "initial_weights";

}  // namespace jespr
