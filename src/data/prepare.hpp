// The task 'prepare': structure or FASTA files in, one packed dataset and a report out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/communicator.hpp"
#include "data/chain_choice.hpp"
#include "data/relatives.hpp"

namespace jespr::deck {
class Schema;
}

namespace jespr::data {

struct PrepareSettings {
  std::vector<std::string> sources;
  std::string table;
  std::string dataset;
  std::string report;
  std::string chain_names = "file_chain";
  std::string default_split = "train";
  bool overwrite = false;

  std::int64_t model = 1;
  std::string chain_ids = "author";
  std::string missing = "keep";
  std::string confidence = "complete";
  ChainFilter filter;
  std::string duplicates = "keep";

  std::string split = "table";
  std::string clusters = "table";
  double least_shared = 0.1;
  double validation_share = 0.1, test_share = 0;
  std::int64_t split_seed = 1;
};

/// Keys that have another value than they have by default and a meaning for structures alone.
std::vector<std::string> structure_keys_set(const PrepareSettings& settings);

/// The path of the report.
std::string report_of(const PrepareSettings& settings);

/// The deck group &prepare.
void declare(deck::Schema& schema, PrepareSettings& settings);

/// Reads all sources, structures shared among the ranks by size, FASTA files by the root in one
/// stream, and writes the dataset: first under a temporary name, then checked and renamed. A file
/// or chain that cannot be used is a row of the report and stops nothing. The content does not
/// depend on the number of ranks. `deck` is kept in the dataset. Collective. Failure: Error (data)
/// when nothing was readable or the table is wrong, Error (deck) when the output exists and may not
/// be replaced, Error (runtime) for writing.
void run_prepare(const PrepareSettings& settings, const std::string& deck,
                 const Communicator& communicator);

}  // namespace jespr::data
