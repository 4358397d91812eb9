// Clusters and splits of the chains of a new dataset, as the deck asks for them: from structure
// files and from FASTA files by the same rules.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "data/prepare.hpp"

namespace jespr::data {

/// Of each chain, in the order of the dataset.
struct SplitAssignment {
  std::vector<std::int32_t> clusters;
  std::vector<Split> splits;
};

/// What an assignment is made from, asked for where it is needed: all sequences, and hashes of all
/// names.
struct AssignmentSource {
  std::function<std::vector<std::string>()> sequences;
  std::function<std::vector<std::uint64_t>()> name_hashes;
};

/// Takes what the table says of clusters and splits; replaces clusters by those of shared k-mers
/// and splits by splits of whole clusters, where the deck says so. Whenever chains are in several
/// splits and `looks_for_relatives`, counts those of validation and test that have a relative in
/// training, and warns. Memory, where sequences are compared: 9 bytes a residue.
void assign_splits(SplitAssignment& assignment, const PrepareSettings& settings,
                   const AssignmentSource& source, bool looks_for_relatives);

/// How many chains the largest cluster has; one without a cluster stands alone.
std::int64_t largest_cluster(const std::vector<std::int32_t>& clusters);

}  // namespace jespr::data
