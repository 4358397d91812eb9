// The task 'prepare': structure files in, one packed dataset and a report out.
#pragma once

#include <string>
#include <vector>

#include "backend/communicator.hpp"

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
};

/// The deck group &prepare.
void declare(deck::Schema& schema, PrepareSettings& settings);

/// Reads all sources, shared among the ranks by size, and writes the dataset: first under a
/// temporary name, then checked and renamed. A file or chain that cannot be used is a row of the
/// report and stops nothing. The content does not depend on the number of ranks. `deck` is kept in
/// the dataset. Collective. Failure: Error (data) when nothing was readable or the table is wrong,
/// Error (deck) when the output exists and may not be replaced, Error (runtime) for writing.
void run_prepare(const PrepareSettings& settings, const std::string& deck,
                 const Communicator& communicator);

}  // namespace jespr::data
