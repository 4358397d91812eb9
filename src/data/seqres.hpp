// SEQRES, the sequence of the molecule that was studied, and where in it the residues that have
// coordinates belong.
#pragma once

#include <gemmi/model.hpp>
#include <optional>
#include <string>
#include <vector>

namespace jespr::data {

/// One residue with coordinates: the residue object that was chosen among those which share its
/// place, and the alternate location.
struct Site {
  const gemmi::Residue* residue;
  char altloc;
};

/// SEQRES without what is no residue of a protein (caps), unless it was seen as one.
std::vector<std::string> polymer_sequence(const gemmi::Entity& entity,
                                          const std::vector<Site>& sites);

/// How many sites agree with the places (from 0, -1 none) in `names` that they were given.
std::size_t count_agreeing(const std::vector<std::string>& names, const std::vector<Site>& sites,
                           const std::vector<int>& places);

/// Place in SEQRES (from 0) of each site as mmCIF gives it, or nothing if the file does not.
std::optional<std::vector<int>> labelled_places(const gemmi::Entity& entity,
                                                const std::vector<Site>& sites);

/// Place in `names` of each site, -1 where it has none: by alignment; but by the author's numbers,
/// all shifted alike, where these agree with as many letters. An alignment alone cannot tell where
/// a lone residue between two gaps belongs, nor how wide a gap is in a repetitive sequence.
std::vector<int> places_in(const std::vector<std::string>& names, const std::vector<Site>& sites);

}  // namespace jespr::data
