// FASTA files to a dataset of sequences alone: one pass, in memory that does not grow with the
// residues.
#pragma once

#include <string>
#include <vector>

#include "backend/communicator.hpp"
#include "data/chain_table.hpp"
#include "data/items.hpp"
#include "data/prepare.hpp"

namespace jespr::data {

/// Whether the items are FASTA files. Failure: Error (deck) when they are of both kinds, or when
/// the deck asks of sequences what needs structures.
bool are_sequences(const std::vector<Item>& items, const PrepareSettings& settings);

/// Reads the FASTA files and writes the dataset and the report. The root works alone, in one
/// stream: so the content does not depend on the ranks. Memory: 8 bytes a record for the names (16
/// more with duplicates = 'drop', 13 more with split = 'by_cluster'), up to four times that while a
/// table grows, and the longest record; residues wait on disk beside the dataset, which takes that
/// space twice. Where relatives are looked for (clusters = 'kmers', or records in several splits) 9
/// bytes a residue more, for 2^28 residues at most: Error (deck) where clusters need more.
/// Collective. Failure: as run_prepare.
void prepare_sequences(const std::vector<Item>& items, const PrepareSettings& settings,
                       const ChainTable& table, const std::string& deck,
                       const Communicator& communicator);

}  // namespace jespr::data
