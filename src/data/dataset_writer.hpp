// Writes the packed dataset (doc/dataset.md), every rank its slab of chains.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "backend/communicator.hpp"
#include "data/chain_table.hpp"
#include "data/structure_file.hpp"

namespace jespr::data {

/// Where chains came from.
struct Source {
  std::string title;   // the file's name; of a member of an archive "ARCHIVE:MEMBER"
  std::string sha256;  // of the bytes as they lie in the file or archive
};

/// A chain with all that is known of it.
struct Record {
  StructureChain chain;
  std::string name;     // unique in the dataset
  std::int64_t source;  // number of its source among this rank's
  ChainTable::Row row;
  float resolution = std::numeric_limits<float>::quiet_NaN();  // Angstrom; NaN: unknown
  std::vector<std::string> twins = {};  // chains that were left out for it, of the same sequence
};

/// One rank's part of a dataset; the parts follow each other in the order of the ranks.
struct Slab {
  std::vector<Record> records;
  std::vector<Source> sources;
};

/// Writes the file `path` from the slabs of all ranks. The content does not depend on how the
/// chains are shared among them. Collective. Failure: Error (runtime).
void write_dataset(const std::string& path, const Slab& slab,
                   const std::vector<std::string>& label_columns, const std::string& deck,
                   const Communicator& communicator);

}  // namespace jespr::data
