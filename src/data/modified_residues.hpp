// Letters of residues: standard, modified, unknown; names that tell protonation.
#pragma once

#include <gemmi/model.hpp>
#include <string>

namespace jespr::data {

/// The letter of a residue by its component name: a standard one's own, a modified one's parent's,
/// X for one that is not known or has several parents.
char letter_of(const std::string& name);

/// HIS, CYS, ASP, GLU or LYS for a residue that bears a name which AMBER or CHARMM give these for
/// their protonation, otherwise its own name. Some of these are the PDB's names for others (HSE is
/// homoserine): the residue's atoms decide, and where the side chain is missing the record: the
/// force fields write ATOM, the PDB HETATM.
std::string without_protonation(const gemmi::Residue& residue);

}  // namespace jespr::data
