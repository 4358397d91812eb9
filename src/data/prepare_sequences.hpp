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

enum class SourceKind { structures, sequences };

/// What the deck or a list names itself decides; where folders and archives alone hold both kinds,
/// files with names of structures do. Items of the other kind, which folders and archives brought
/// along, get that as their problem. Failure: Error (deck) where files of both kinds are named, or
/// the deck asks of sequences what needs structures.
SourceKind settle_kind(std::vector<Item>& items, const PrepareSettings& settings);

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
