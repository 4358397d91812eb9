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

/// Residues that are compared to find relatives, at 9 bytes each: 2.4 GB at most.
inline constexpr std::uint64_t most_compared = 1 << 28;

/// Failure: Error (deck) where the deck wants clusters of more residues than are compared.
void require_comparable(const PrepareSettings& settings, std::uint64_t residues);

/// Takes what the table says of clusters and splits; replaces clusters by those of shared k-mers
/// and splits by splits of whole clusters, where the deck says so. Whenever chains are in several
/// splits, counts those of validation and test that have a relative in training, and warns; of more
/// `residues` than are compared it only warns that it cannot. Memory, where sequences are compared:
/// 9 bytes a residue. Failure: as require_comparable.
void assign_splits(SplitAssignment& assignment, const PrepareSettings& settings,
                   const AssignmentSource& source, std::uint64_t residues);

/// How many chains the largest cluster has; one without a cluster stands alone.
std::int64_t largest_cluster(const std::vector<std::int32_t>& clusters);

}  // namespace jespr::data
