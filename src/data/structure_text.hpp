// The text of a structure file to gemmi's model of it. gemmi reads numbers leniently (what is no
// number is 0, an absent B-factor is 20 or 50); so the text is checked and completed before.
#pragma once

#include <gemmi/model.hpp>
#include <map>
#include <string>
#include <utility>

namespace jespr::data {

/// Numbers of all residues of mmCIF polymers, missing ones included: (label chain, place from 1).
using Scheme = std::map<std::pair<std::string, int>, gemmi::SeqId>;

/// Whether the file gives the B-factor of an atom.
bool has_b_factor(const gemmi::Atom& atom);

/// All models of a PDB or mmCIF text; the format is found from the content. `scheme` is filled from
/// mmCIF. In the first model every coordinate is a number, or NaN where mmCIF says ? or '.'.
/// Failure: Error (data) with the reason; whatever gemmi throws.
gemmi::Structure parse_structure(const std::string& text, Scheme& scheme);

}  // namespace jespr::data
