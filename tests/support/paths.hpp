// Where tests find the repository's files, and where they may write.
#pragma once

#include <filesystem>
#include <string>

namespace jespr::test {

/// Root of the source tree.
std::filesystem::path source_dir();

/// Root of the build tree.
std::filesystem::path binary_dir();

/// Recorded reference values: the shipped set in tests/data/golden, or another one where the
/// environment variable of this name says so.
inline constexpr const char* golden_variable = "JESPR_GOLDEN_DIR";
std::filesystem::path golden_dir();

/// The name of the set: the last folder of golden_dir(); empty for the shipped set.
std::string golden_set();

/// An empty folder of this name for a test's files, in the build tree.
std::filesystem::path scratch_dir(const char* name);

}  // namespace jespr::test
