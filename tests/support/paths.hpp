// Where tests find the repository's files, and where they may write.
#pragma once

#include <filesystem>

namespace jespr::test {

/// Root of the source tree.
std::filesystem::path source_dir();

/// Root of the build tree.
std::filesystem::path binary_dir();

/// Recorded reference values: JESPR_GOLDEN_DIR when set, else tests/data/golden.
std::filesystem::path golden_dir();

/// An empty folder of this name for a test's files, in the build tree.
std::filesystem::path scratch_dir(const char* name);

}  // namespace jespr::test
