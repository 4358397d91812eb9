// What task 'prepare' decides about all chains together, on all ranks alike: their names, twins,
// rows of the table, clusters and splits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "backend/communicator.hpp"
#include "data/dataset_writer.hpp"
#include "data/prepare_report.hpp"

namespace jespr::data {

/// What a rank found in its items.
struct Findings {
  Slab slab;
  std::vector<ReportRow> rows;
  std::vector<std::size_t> row_of_record;
};

/// Renames the chains whose name another has, on this or a lower rank; returns how many.
std::int64_t rename_repeated(Findings& findings, const Communicator& communicator);

/// Of chains with one sequence leaves the one with most complete residues, the first of equals, and
/// lists the names of the others as its twins; returns how many this rank left out.
std::int64_t drop_twins(Findings& findings, const Communicator& communicator);

/// Gives each chain its row of the table; returns how many have none.
std::int64_t join_table(Slab& slab, const ChainTable& table, Split default_split);

/// Clusters and splits of all chains, see data/split_assignment.hpp; returns how many chains of all
/// ranks the largest cluster has.
std::int64_t assign_splits(Slab& slab, const PrepareSettings& settings,
                           const Communicator& communicator);

}  // namespace jespr::data
