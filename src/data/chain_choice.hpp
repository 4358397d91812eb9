// Which chains and residues of a structure file become part of the dataset: those that a line of a
// list names, with or without missing residues, as far as the filters let them pass.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/structure_file.hpp"

namespace jespr::data {

/// Author's number of a residue; those with insertion codes follow the one without.
struct ResidueNumber {
  std::int32_t number = 0;
  char code = ' ';
  auto operator<=>(const ResidueNumber&) const = default;
};

/// A chain, or the parts of it in some ranges of residue numbers.
struct Selection {
  struct Range {
    ResidueNumber first, last;
    std::string text;  // as it was written
  };
  std::string chain;
  std::vector<Range> ranges;  // none: the whole chain
  std::string text;           // of the ranges, as they were written
};

/// From "A", "A:10-120", "A:-5-20,30A-41B,77": a range is FIRST-LAST, both included, or one
/// residue; numbers may be negative and have an insertion code. Failure: Error (data).
Selection parse_selection(std::string_view text);

/// Leaves the selected chain and residues. A chain is meant by its id or, where none has that, by
/// what the report shows for it (`A_B`, `-`). A residue without a number (a missing one of a PDB
/// file) stays where the numbered ones around it are of the same range. A chain or range that is
/// not there is a refusal; refusals of other chains are left out.
void select(StructureContent& content, const Selection& selection);

/// Leaves out the residues that have no coordinates at all.
void drop_missing(StructureChain& chain);

/// What a chain must be to be taken.
struct ChainFilter {
  std::int64_t min_length = 1, max_length = 1'000'000;  // residues, missing ones included
  double min_completeness = 0;   // share of the residues with all three atoms
  double max_resolution = 1000;  // Angstrom; of files that give one
  double min_plddt = 0;          // mean over the residues with all three atoms, 0 to 100
};

/// Why the chain does not pass, "" if it does.
std::string filter_objection(const ChainFilter& filter, const StructureChain& chain,
                             float resolution);

}  // namespace jespr::data
