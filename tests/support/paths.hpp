// Where tests find the repository's files, and where they may write.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace jespr::test {

/// Root of the source tree.
inline std::filesystem::path source_dir() { return JESPR_SOURCE_DIR; }

/// Recorded reference values: JESPR_GOLDEN_DIR when set, else tests/data/golden.
inline std::filesystem::path golden_dir() {
  const char* named = std::getenv("JESPR_GOLDEN_DIR");
  return named && *named ? std::filesystem::path(named) : source_dir() / "tests/data/golden";
}

/// An empty folder of this name for a test's files, in the build tree.
inline std::filesystem::path scratch_dir(const char* name) {
  const std::filesystem::path path = std::filesystem::path(JESPR_BINARY_DIR) / "scratch" / name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

}  // namespace jespr::test
