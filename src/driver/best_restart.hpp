// How the search for the best model goes on when a run restarts.
#pragma once

#include <string>

#include "driver/best_model.hpp"
#include "driver/checkpoints.hpp"
#include "driver/settings.hpp"
#include "driver/training_state.hpp"

namespace jespr {

/// After `state` was read from `checkpoint`: the search goes on if values by `metric` under the
/// deck `now` can be compared with the stored one, and the folder's best.h5 is the model that has
/// it, or one that the steps to come write again. Else it begins anew, with its patience: the log
/// says why, and a best.h5 that the next one would replace is set aside. Nothing is done where
/// `now` has no validations; a run whose patience is spent does not go on because best.h5 was
/// lost. Collective.
template <class P>
void continue_search(TrainingState<P>& state, BestMetric metric, const std::string& checkpoint,
                     const Settings& now, const CheckpointFolder& folder,
                     const Communicator& communicator);

}  // namespace jespr
