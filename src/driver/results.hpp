// Results of a task: files that are not replaced unless the deck says so.
#pragma once

#include <string>
#include <vector>

#include "backend/communicator.hpp"

namespace jespr {

/// Refuses to start a task of deck group `group` if one of its result files lies there already and
/// `overwrite` is off. The root looks; the same on all ranks. Failure: Error (deck).
void keep_results(const std::string& group, const std::vector<std::string>& files, bool overwrite,
                  const Communicator& communicator);

}  // namespace jespr
