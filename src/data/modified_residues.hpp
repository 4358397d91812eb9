// Letters of residues: standard, modified, unknown.
#pragma once

#include <string>

namespace jespr::data {

/// The letter of a residue by its component name: a standard one's own, a modified one's parent's,
/// X for one that is not known or has several parents.
char letter_of(const std::string& name);

}  // namespace jespr::data
