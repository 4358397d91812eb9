// Protein chains from PDB and mmCIF files, by gemmi.
#include "data/structure_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <gemmi/align.hpp>
#include <gemmi/cif.hpp>
#include <gemmi/mmcif.hpp>
#include <gemmi/mmread.hpp>
#include <gemmi/pdb.hpp>
#include <gemmi/polyheur.hpp>
#include <map>
#include <optional>

#include "base/error.hpp"
#include "data/alphabet.hpp"
#include "data/gzip.hpp"

namespace jespr::data {
namespace {

constexpr float missing = std::numeric_limits<float>::quiet_NaN();

/// gemmi reads an unknown B-factor of mmCIF as 50; so it is told this number instead.
constexpr double unknown_b_factor = -1e30;

/// Share of the residues with coordinates that must agree with SEQRES for it to be used.
constexpr double least_agreement = 0.9;

constexpr std::size_t longest_reason = 200;  // of a foreign message, in letters

constexpr std::array<const char*, 3> backbone = {"N", "CA", "C"};

/// Numbers of all residues of mmCIF polymers, missing ones included: (label chain, place from 1).
using Scheme = std::map<std::pair<std::string, int>, gemmi::SeqId>;

/// One residue with coordinates: the residue object that was chosen among those which share its
/// place, and the alternate location.
struct Site {
  const gemmi::Residue* residue;
  char altloc;
};

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c > '~'; }, ' ');
  if (text.size() > longest_reason) text = text.substr(0, longest_reason) + "...";
  return text;
}

bool has_name(const gemmi::Atom& atom, const char* name, bool is_amino_acid) {
  // A CA outside a known amino acid may be calcium.
  return atom.name == name && (is_amino_acid || atom.element == gemmi::El::C || name[0] == 'N');
}

bool has_atom(const gemmi::Residue& residue, const char* name) {
  return std::any_of(residue.atoms.begin(), residue.atoms.end(),
                     [name](const gemmi::Atom& atom) { return has_name(atom, name, false); });
}

/// Whether a residue of a chain belongs to its protein: as the file says it, else by its name and
/// atoms. A standard amino acid as HETATM outside a declared polymer is taken for a ligand.
bool is_protein(const gemmi::Residue& residue) {
  using gemmi::EntityType;
  if (residue.entity_type != EntityType::Polymer && residue.entity_type != EntityType::Unknown)
    return false;
  const gemmi::ResidueInfo info = gemmi::find_tabulated_residue(residue.name);
  if (info.is_amino_acid())
    return residue.entity_type == EntityType::Polymer ||
           !(info.is_standard() && residue.het_flag == 'H');
  if (info.is_nucleic_acid() || info.is_water()) return false;
  if (!has_atom(residue, "CA")) return false;
  return (!info.found() && residue.entity_type == EntityType::Polymer) ||
         (has_atom(residue, "N") && has_atom(residue, "C"));
}

char letter_of(const std::string& name) {
  const char code = static_cast<char>(gemmi::find_tabulated_residue(name).one_letter_code & ~0x20);
  return code >= 'A' && token_of(code) >= 0 ? code : 'X';
}

/// Chooses among residue objects of the same place (point mutations within the crystal) and their
/// alternate locations the one with the highest occupancy, summed over the backbone atoms.
Site choose_site(const std::vector<const gemmi::Residue*>& residues) {
  Site best{residues.front(), '\0'};
  double best_occupancy = -1;
  for (const gemmi::Residue* residue : residues) {
    std::string altlocs;
    for (const gemmi::Atom& atom : residue->atoms)
      if (altlocs.find(atom.altloc) == std::string::npos) altlocs += atom.altloc;
    for (const char altloc : altlocs) {
      double occupancy = 0;
      for (const char* name : backbone) {
        const auto atom = std::find_if(
            residue->atoms.begin(), residue->atoms.end(), [&](const gemmi::Atom& candidate) {
              return candidate.name == name && candidate.altloc_matches(altloc);
            });
        if (atom != residue->atoms.end()) occupancy += atom->occ;
      }
      if (occupancy > best_occupancy) {
        best_occupancy = occupancy;
        best = {residue, altloc};
      }
    }
  }
  return best;
}

/// Residues of the protein in a chain, one per place.
std::vector<Site> find_sites(const gemmi::Chain& chain) {
  std::vector<Site> sites;
  std::vector<const gemmi::Residue*> same_place;
  const auto finish = [&] {
    if (!same_place.empty()) sites.push_back(choose_site(same_place));
    same_place.clear();
  };
  for (const gemmi::Residue& residue : chain.residues) {
    if (!is_protein(residue)) continue;
    if (!same_place.empty() && same_place.back()->seqid != residue.seqid) finish();
    same_place.push_back(&residue);
  }
  finish();
  return sites;
}

/// The chosen atom: of the site's alternate location, else the one with the highest occupancy.
const gemmi::Atom* find_backbone_atom(const Site& site, const char* name) {
  const bool known = gemmi::find_tabulated_residue(site.residue->name).is_amino_acid();
  const gemmi::Atom* other = nullptr;
  for (const gemmi::Atom& atom : site.residue->atoms) {
    if (!has_name(atom, name, known)) continue;
    if (atom.altloc == '\0' || atom.altloc == site.altloc) return &atom;
    if (!other || atom.occ > other->occ) other = &atom;
  }
  return other;
}

void append_missing(StructureChain& chain, char letter, const gemmi::SeqId* number) {
  chain.sequence += letter;
  chain.numbers.push_back(number && number->num ? *number->num : no_number);
  chain.insertion_codes += number ? number->icode : ' ';
  chain.coordinates.insert(chain.coordinates.end(), 9, missing);
  chain.b_factors.push_back(missing);
}

void append_site(StructureChain& chain, const Site& site) {
  append_missing(chain, letter_of(site.residue->name), &site.residue->seqid);
  float* xyz = chain.coordinates.data() + chain.coordinates.size() - 9;
  for (const char* name : backbone) {
    if (const gemmi::Atom* atom = find_backbone_atom(site, name)) {
      xyz[0] = static_cast<float>(atom->pos.x);
      xyz[1] = static_cast<float>(atom->pos.y);
      xyz[2] = static_cast<float>(atom->pos.z);
      if (name == backbone[1] && atom->b_iso > static_cast<float>(unknown_b_factor) / 2)
        chain.b_factors.back() = atom->b_iso;
    }
    xyz += 3;
  }
}

/// SEQRES without what is no residue of a protein (caps), unless it was seen as one.
std::vector<std::string> polymer_sequence(const gemmi::Entity& entity,
                                          const std::vector<Site>& sites) {
  std::vector<std::string> names;
  for (const std::string& monomers : entity.full_sequence) {
    const std::string name = gemmi::Entity::first_mon(monomers);
    const gemmi::ResidueInfo info = gemmi::find_tabulated_residue(name);
    if (info.is_amino_acid() || !info.found() ||
        std::any_of(sites.begin(), sites.end(),
                    [&](const Site& site) { return site.residue->name == name; }))
      names.push_back(monomers);
  }
  return names;
}

/// Whether a site's residue is among the (comma-separated) monomers of a place of SEQRES.
bool agrees(const std::string& monomers, const Site& site) {
  return ("," + monomers + ",").find("," + site.residue->name + ",") != std::string::npos;
}

/// Place in SEQRES (from 0) of each site as mmCIF gives it, or nothing if the file does not.
std::optional<std::vector<int>> labelled_places(const gemmi::Entity& entity,
                                                const std::vector<Site>& sites) {
  std::vector<int> places;
  int last = 0;
  for (const Site& site : sites) {
    if (!site.residue->label_seq) return {};
    const int place = *site.residue->label_seq;
    if (place <= last || place > static_cast<int>(entity.full_sequence.size())) return {};
    places.push_back(place - 1);
    last = place;
  }
  return places;
}

/// Place in `names` of each site by alignment, -1 where it has none.
std::vector<int> aligned_places(const std::vector<std::string>& names,
                                const std::vector<Site>& sites) {
  gemmi::Chain chosen("");
  for (const Site& site : sites) chosen.residues.push_back(*site.residue);
  const gemmi::AlignmentResult alignment = gemmi::align_sequence_to_polymer(
      names, chosen.whole(), gemmi::PolymerType::PeptideL, gemmi::AlignmentScoring());
  std::vector<int> places;
  int place = 0;
  for (const gemmi::AlignmentResult::Item& item : alignment.cigar) {
    for (std::uint32_t i = 0; i < item.len(); ++i) {
      if (item.op() == 'M') places.push_back(place);
      if (item.op() == 'D') places.push_back(-1);
      if (item.op() != 'D') ++place;
    }
  }
  places.resize(sites.size(), -1);
  return places;
}

/// Places by the author's numbers where these run along with SEQRES, else as given by `aligned`:
/// an alignment alone cannot tell where a lone residue between two gaps belongs.
std::vector<int> numbered_places(const std::vector<std::string>& names,
                                 const std::vector<Site>& sites, std::vector<int> aligned) {
  std::map<int, int> votes;  // for a shift from number to place
  for (std::size_t i = 0; i < sites.size(); ++i)
    if (aligned[i] >= 0 && sites[i].residue->seqid.num)
      ++votes[aligned[i] - *sites[i].residue->seqid.num];
  if (votes.empty()) return aligned;
  const int shift = std::max_element(votes.begin(), votes.end(), [](auto& a, auto& b) {
                      return a.second < b.second;
                    })->first;
  std::vector<int> places;
  for (const Site& site : sites) {
    const gemmi::SeqId& id = site.residue->seqid;
    const int place = id.num ? *id.num + shift : -1;
    if (id.has_icode() || place < 0 || place >= static_cast<int>(names.size()) ||
        (!places.empty() && place <= places.back()) ||
        !agrees(names[static_cast<std::size_t>(place)], site))
      return aligned;
    places.push_back(place);
  }
  return places;
}

/// The sites, with the missing residues of SEQRES between them if it fits.
StructureChain assemble(const std::string& id, const std::vector<Site>& sites,
                        const gemmi::Entity* entity, const Scheme& scheme) {
  StructureChain chain;
  chain.id = id;
  std::vector<std::string> names;
  std::vector<int> places(sites.size(), -1);
  bool labelled = false;
  if (entity && !entity->full_sequence.empty()) {
    if (const auto given = labelled_places(*entity, sites)) {
      names = entity->full_sequence;
      places = *given;
      labelled = true;
    } else {
      names = polymer_sequence(*entity, sites);
      places = numbered_places(names, sites, aligned_places(names, sites));
    }
    std::size_t agreeing = 0;
    for (std::size_t i = 0; i < sites.size(); ++i)
      if (places[i] >= 0 && agrees(names[static_cast<std::size_t>(places[i])], sites[i]))
        ++agreeing;
    if (static_cast<double>(agreeing) < least_agreement * static_cast<double>(sites.size())) {
      chain.note = "SEQRES does not fit the residues with coordinates and was not used";
      names.clear();
      places.assign(sites.size(), -1);
    }
  }
  const std::string subchain = sites.front().residue->subchain;
  int next = 0;  // place of SEQRES that was not yet written
  const auto write_missing_until = [&](int end) {
    for (; next < end; ++next) {
      const std::string name = gemmi::Entity::first_mon(names[static_cast<std::size_t>(next)]);
      const gemmi::ResidueInfo info = gemmi::find_tabulated_residue(name);
      if (info.found() && !info.is_amino_acid()) continue;  // a cap
      const auto number = labelled ? scheme.find({subchain, next + 1}) : scheme.end();
      append_missing(chain, letter_of(name), number == scheme.end() ? nullptr : &number->second);
    }
  };
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (places[i] >= 0) {
      write_missing_until(places[i]);
      next = places[i] + 1;
    }
    append_site(chain, sites[i]);
  }
  write_missing_until(static_cast<int>(names.size()));
  return chain;
}

std::string reason_without_protein(const gemmi::Chain& chain) {
  bool nucleic = false, other = false;
  for (const gemmi::Residue& residue : chain.residues) {
    const gemmi::ResidueInfo info = gemmi::find_tabulated_residue(residue.name);
    nucleic |= info.is_nucleic_acid();
    other |= !info.is_nucleic_acid() && !info.is_water();
  }
  return nucleic ? "nucleic acid" : other ? "no protein, only ligands" : "no protein, only water";
}

std::string reason_without_backbone(const std::vector<Site>& sites) {
  const bool only_ca = std::all_of(sites.begin(), sites.end(), [](const Site& site) {
    return !find_backbone_atom(site, "N") && !find_backbone_atom(site, "C");
  });
  return only_ca ? "only CA atoms" : "no residue has N, CA and C";
}

const gemmi::Entity* entity_of(const gemmi::Structure& structure, const gemmi::Chain& chain,
                               const gemmi::Residue& residue) {
  if (structure.input_format == gemmi::CoorFormat::Mmcif) {
    for (const gemmi::Entity& entity : structure.entities)
      if (entity.name == residue.entity_id ||
          (residue.entity_id.empty() && std::find(entity.subchains.begin(), entity.subchains.end(),
                                                  residue.subchain) != entity.subchains.end()))
        return &entity;
    return nullptr;
  }
  return structure.get_entity(chain.name);  // PDB: SEQRES goes by the chain
}

gemmi::Structure parse(const std::string& bytes, Scheme& scheme) {
  const char* data = bytes.data();
  switch (bytes.size() < 16 ? gemmi::CoorFormat::Unknown
                            : gemmi::coor_format_from_content(data, data + bytes.size())) {
    case gemmi::CoorFormat::Pdb:
      try {
        return gemmi::read_pdb_from_memory(data, bytes.size(), "");
      } catch (const std::exception&) {
        // Before 1996 columns 73 to 80 held the entry's id and the number of the line.
        gemmi::PdbReadOptions options;
        options.max_line_length = 72;
        return gemmi::read_pdb_from_memory(data, bytes.size(), "", options);
      }
    case gemmi::CoorFormat::Mmcif: {
      gemmi::cif::Document document = gemmi::cif::read_memory(data, bytes.size(), "line");
      gemmi::cif::Block& block = document.blocks.at(0);
      for (std::string& value : block.find_values("_atom_site.B_iso_or_equiv"))
        if (gemmi::cif::is_null(value)) value = std::to_string(unknown_b_factor);
      for (auto row : block.find("_pdbx_poly_seq_scheme.",
                                 {"asym_id", "seq_id", "pdb_seq_num", "?pdb_ins_code"}))
        if (!gemmi::cif::is_null(row[2]))
          scheme[{row.str(0), gemmi::cif::as_int(row[1])}] =
              gemmi::impl::make_seqid(row.str(2), row.has(3) ? &row[3] : nullptr);
      return gemmi::make_structure(document);
    }
    default:
      fail(Exit::data, bytes.empty() ? "empty file" : "neither PDB nor mmCIF");
  }
}

}  // namespace

bool StructureChain::is_complete(std::size_t residue) const {
  const auto first = coordinates.begin() + static_cast<std::ptrdiff_t>(9 * residue);
  return std::all_of(first, first + 9, [](float x) { return std::isfinite(x); });
}

StructureContent read_structure(std::string bytes) {
  if (is_gzip(bytes)) bytes = gunzip(bytes);
  Scheme scheme;
  gemmi::Structure structure;
  try {
    structure = parse(bytes, scheme);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail(Exit::data, one_line(error.what()));
  }
  structure.merge_chain_parts();
  if (structure.models.empty() || structure.models.front().chains.empty())
    fail(Exit::data, "no atoms");
  StructureContent content;
  for (const gemmi::Chain& chain : structure.models.front().chains) {
    const std::vector<Site> sites = find_sites(chain);
    if (sites.empty()) {
      content.refusals.push_back({chain.name, reason_without_protein(chain)});
      continue;
    }
    StructureChain read =
        assemble(chain.name, sites, entity_of(structure, chain, *sites.front().residue), scheme);
    bool complete = false;
    for (std::size_t i = 0; i < read.length() && !complete; ++i) complete = read.is_complete(i);
    if (complete)
      content.chains.push_back(std::move(read));
    else
      content.refusals.push_back({chain.name, reason_without_backbone(sites)});
  }
  return content;
}

}  // namespace jespr::data
