// Folders of the tests; the only test source that knows absolute paths (which keep it out of a
// compiler cache shared by several clones).
#include "support/paths.hpp"

#include <cstdlib>

namespace jespr::test {

std::filesystem::path source_dir() { return JESPR_SOURCE_DIR; }

std::filesystem::path binary_dir() { return JESPR_BINARY_DIR; }

std::filesystem::path golden_dir() {
  const char* named = std::getenv(golden_variable);
  return named && *named ? std::filesystem::path(named) : source_dir() / "tests/data/golden";
}

std::string golden_set() {
  namespace fs = std::filesystem;
  std::error_code missing;  // a folder that is not there is not the shipped one
  if (fs::equivalent(golden_dir(), source_dir() / "tests/data/golden", missing)) return "";
  const fs::path path = fs::absolute(golden_dir() / "").lexically_normal();  // ends in a slash
  return path.parent_path().filename().string();
}

std::filesystem::path scratch_dir(const char* name) {
  const std::filesystem::path path = binary_dir() / "scratch" / name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

}  // namespace jespr::test
