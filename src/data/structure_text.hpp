// The text of a structure file to gemmi's model of it. gemmi reads numbers leniently (what is no
// number is 0, an absent B-factor is 20 or 50); so the text is checked and completed before.
#pragma once

#include <gemmi/model.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/chain_ends.hpp"

namespace jespr::data {

/// Numbers of all residues of mmCIF polymers, missing ones included: (label chain, place from 1).
using Scheme = std::map<std::pair<std::string, int>, gemmi::SeqId>;

/// The first atom behind the END of a PDB file.
struct AfterEnd {
  int line = 0;  // 0: there is none
  std::string chain;
};

/// What is taken from a text.
struct StructureText {
  gemmi::Structure structure;       // with the one model that was asked for
  Scheme scheme;                    // mmCIF alone
  float resolution;                 // Angstrom; NaN: the file gives none
  std::vector<AfterTer> after_ter;  // PDB alone
  AfterEnd after_end;               // PDB alone
};

/// Whether the file gives the B-factor of an atom.
bool has_b_factor(const gemmi::Atom& atom);

/// Model `model` (counted from 1 in the order of the file) of a PDB or mmCIF text; the format is
/// found from the content. In that model every coordinate is a number, or NaN where mmCIF says ? or
/// '.'. Failure: Error (data) with the reason; whatever gemmi throws.
StructureText parse_structure(const std::string& text, int model);

}  // namespace jespr::data
