// How fast structure files are read, beside gemmi alone on the same files (doc/performance.md).
#include <gtest/gtest.h>

#include <filesystem>
#include <gemmi/mmread.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "data/gzip.hpp"
#include "data/sha256.hpp"
#include "data/structure_file.hpp"
#include "io/files.hpp"
#include "support/paths.hpp"
#include "support/timing.hpp"

namespace {

using namespace jespr;

/// All files of tests/data/raw_structures.
const std::vector<std::string>& files() {
  static const std::vector<std::string> found = [] {
    std::vector<std::string> contents;
    for (const auto& entry :
         std::filesystem::directory_iterator(test::source_dir() / "tests/data/raw_structures"))
      if (entry.path().extension() != ".md") contents.push_back(io::read_file(entry.path()));
    return contents;
  }();
  return found;
}

std::size_t read_by_gemmi(std::string bytes) {
  if (data::is_gzip(bytes)) bytes = data::gunzip(bytes, data::largest_structure_bytes);
  gemmi::Structure structure =
      gemmi::read_structure_from_char_array(bytes.data(), bytes.size(), "");
  structure.merge_chain_parts();
  return structure.models.size();
}

std::size_t read_by_prepare(std::string bytes) {
  const std::string hash = data::sha256(bytes);
  try {
    return data::read_structure(std::move(bytes)).chains.size();
  } catch (const Error&) {  // a refused file is read, too
    return 0;
  }
}

test::Amount amount() {
  test::Amount all;
  for (const std::string& bytes : files()) all.bytes += static_cast<double>(bytes.size());
  return all;
}

void time_gemmi(benchmark::State& state) {
  test::measure(state, amount(), [] {
    for (const std::string& bytes : files()) benchmark::DoNotOptimize(read_by_gemmi(bytes));
  });
}
JESPR_BENCHMARK("structure files by gemmi alone", time_gemmi);

void time_prepare(benchmark::State& state) {
  test::measure(state, amount(), [] {
    for (const std::string& bytes : files()) benchmark::DoNotOptimize(read_by_prepare(bytes));
  });
}
JESPR_BENCHMARK("structure files as prepare reads them", time_prepare);

/// Both see the same files.
TEST(ReadRate, FilesOfBothReaders) {
  EXPECT_GE(files().size(), 30u);
  std::size_t read = 0;
  for (const std::string& bytes : files()) {
    EXPECT_GE(read_by_gemmi(bytes), 1u);
    read += read_by_prepare(bytes) > 0;
  }
  EXPECT_GE(read, 30u);
}

}  // namespace
