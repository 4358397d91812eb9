// `jespr info FILE`: what a dataset, checkpoint or result is and holds.
#pragma once

#include <string>

namespace jespr {

/// Several lines of text. Failure: Error (data) for a file of another kind.
std::string describe_file(const std::string& path);

}  // namespace jespr
