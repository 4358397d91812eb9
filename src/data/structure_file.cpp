// Protein chains from PDB and mmCIF files, by gemmi.
#include "data/structure_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <exception>
#include <gemmi/model.hpp>
#include <gemmi/resinfo.hpp>
#include <new>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "data/gzip.hpp"
#include "data/modified_residues.hpp"
#include "data/seqres.hpp"
#include "data/structure_text.hpp"
#include "data/utf8.hpp"

namespace jespr::data {
namespace {

constexpr float missing = std::numeric_limits<float>::quiet_NaN();

/// Share of the residues with coordinates that must agree with SEQRES for it to be used.
constexpr double least_agreement = 0.9;

constexpr std::size_t longest_reason = 200;  // of a foreign message, in letters

constexpr std::array<const char*, 3> backbone = {"N", "CA", "C"};

constexpr float highest_plddt = 100;  // Jumper et al. 2021, supplementary 1.9.6

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

/// Whether a residue is there in one of several conformers alone.
bool is_alternative(const gemmi::Residue& residue) {
  return std::all_of(residue.atoms.begin(), residue.atoms.end(),
                     [](const gemmi::Atom& atom) { return atom.altloc != '\0'; });
}

/// Residues of the protein in a chain, one per place. Those that share a place follow each other,
/// or a later block of the file gives the alternatives.
std::vector<Site> find_sites(const gemmi::Chain& chain) {
  std::vector<std::vector<const gemmi::Residue*>> places;
  std::unordered_map<std::int64_t, std::size_t> place_of;  // of alternatives by their numbers
  for (const gemmi::Residue& residue : chain.residues) {
    if (!is_protein(residue)) continue;
    if (!places.empty() && places.back().back()->seqid == residue.seqid) {
      places.back().push_back(&residue);
      continue;
    }
    const std::int64_t key = std::int64_t{*residue.seqid.num} * 256 + residue.seqid.icode;
    if (is_alternative(residue)) {
      const auto [place, is_new] = place_of.emplace(key, places.size());
      if (!is_new) {
        places[place->second].push_back(&residue);
        continue;
      }
    }
    places.push_back({&residue});
  }
  std::vector<Site> sites;
  for (const auto& residues : places) sites.push_back(choose_site(residues));
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
  chain.numbers.push_back(number ? *number->num : no_number);  // -999, gemmi's none, is one, too
  chain.insertion_codes += number ? number->icode : ' ';
  chain.coordinates.insert(chain.coordinates.end(), 9, missing);
  chain.b_factors.push_back(missing);
  chain.confidence.push_back(0);
}

void append_site(StructureChain& chain, const Site& site) {
  append_missing(chain, letter_of(site.residue->name), &site.residue->seqid);
  float* xyz = chain.coordinates.data() + chain.coordinates.size() - 9;
  for (const char* name : backbone) {
    if (const gemmi::Atom* atom = find_backbone_atom(site, name)) {
      xyz[0] = static_cast<float>(atom->pos.x);
      xyz[1] = static_cast<float>(atom->pos.y);
      xyz[2] = static_cast<float>(atom->pos.z);
      if (name == backbone[1] && has_b_factor(*atom)) chain.b_factors.back() = atom->b_iso;
    }
    xyz += 3;
  }
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
      places = places_in(names, sites);
    }
    const std::size_t agreeing = count_agreeing(names, sites, places);
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

/// Adds what a reader of the report should know.
void add_note(StructureChain& chain, const std::string& note) {
  chain.note += (chain.note.empty() ? "" : "; ") + note;
}

/// A row of the report for the chain, or more words in the one that it has.
void refuse(StructureContent& content, const std::string& id, const std::string& reason) {
  const auto same = std::find_if(content.refusals.begin(), content.refusals.end(),
                                 [&](const Refusal& refusal) { return refusal.id == id; });
  if (same == content.refusals.end())
    content.refusals.push_back({id, reason});
  else
    same->reason += "; " + reason;
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

/// Fills the confidence; returns why the B column cannot be pLDDT, "" if it can.
std::string fill_confidence(StructureChain& chain, bool plddt) {
  float highest = 0;
  for (std::size_t i = 0; i < chain.length(); ++i) {
    if (!chain.is_complete(i)) continue;
    chain.confidence[i] = plddt ? chain.b_factors[i] : 1.0F;
    if (!(chain.confidence[i] >= 0 && chain.confidence[i] <= highest_plddt))
      return fmt::format("residue {}{} has {} where its pLDDT should be, expected 0 to {}",
                         chain.numbers[i],
                         chain.insertion_codes[i] == ' ' ? std::string()
                                                         : std::string(1, chain.insertion_codes[i]),
                         chain.confidence[i], highest_plddt);
    highest = std::max(highest, chain.confidence[i]);
  }
  if (highest > 1)
    for (float& value : chain.confidence) value /= highest_plddt;
  return "";
}

/// The residues of a chain of the author by label_asym_id, in the order of their first residues.
std::vector<gemmi::Chain> by_label(const gemmi::Model& model) {
  std::vector<gemmi::Chain> chains;
  std::unordered_map<std::string, std::size_t> places;
  for (const gemmi::Chain& chain : model.chains)
    for (const gemmi::Residue& residue : chain.residues) {
      const auto [place, is_new] = places.emplace(residue.subchain, chains.size());
      if (is_new) chains.emplace_back(residue.subchain);
      chains[place->second].residues.push_back(residue);
    }
  return chains;
}

/// The packing of these bytes, "" if they are not packed or by gzip.
std::string_view packing_of(std::string_view bytes) {
  struct Packing {
    std::string_view name, start;
  };
  constexpr std::array<Packing, 6> packings = {{{"xz",
                                                 "\xfd"
                                                 "7zXZ"},
                                                {"bzip2", "BZh"},
                                                {"zip", "PK\x03\x04"},
                                                {"zstd", "\x28\xb5\x2f\xfd"},
                                                {"compress", "\x1f\x9d"},
                                                {"7-Zip", "7z\xbc\xaf\x27\x1c"}}};
  for (const Packing& packing : packings)
    if (bytes.starts_with(packing.start)) return packing.name;
  return "";
}

/// The chains of a text that is not packed; may throw whatever gemmi throws.
StructureContent chains_of(const std::string& text, const StructureOptions& options) {
  StructureText parsed = parse_structure(text, options.model);
  gemmi::Structure& structure = parsed.structure;
  const Scheme& scheme = parsed.scheme;
  structure.merge_chain_parts();
  if (structure.models.empty() || structure.models.front().chains.empty())
    fail(Exit::data, "no atoms");
  StructureContent content;
  content.resolution = parsed.resolution;
  gemmi::Model& model = structure.models.front();
  for (gemmi::Chain& chain : model.chains)
    for (gemmi::Residue& residue : chain.residues) residue.name = without_protonation(residue);
  if (options.label_ids && structure.input_format == gemmi::CoorFormat::Mmcif)
    model.chains = by_label(model);
  const bool has_sequences =
      structure.input_format == gemmi::CoorFormat::Mmcif &&
      std::any_of(structure.entities.begin(), structure.entities.end(),
                  [](const gemmi::Entity& entity) { return !entity.full_sequence.empty(); });
  for (const gemmi::Chain& chain : model.chains) {
    const std::vector<Site> sites = find_sites(chain);
    if (sites.empty()) {
      content.refusals.push_back({chain.name, reason_without_protein(chain)});
      continue;
    }
    const gemmi::Entity* entity = entity_of(structure, chain, *sites.front().residue);
    StructureChain read = assemble(chain.name, sites, entity, scheme);
    bool complete = false;
    for (std::size_t i = 0; i < read.length() && !complete; ++i) complete = read.is_complete(i);
    if (!entity && has_sequences)
      add_note(read, "nothing says which entity the chain is: entity_poly_seq was not used");
    for (const AfterTer& after : parsed.after_ter)
      if (after.chain == chain.name && after.line > 0)
        add_note(read, fmt::format("goes on behind TER, in line {}", after.line));
    const std::string problem =
        complete ? fill_confidence(read, options.plddt) : reason_without_backbone(sites);
    if (problem.empty())
      content.chains.push_back(std::move(read));
    else
      content.refusals.push_back({chain.name, problem});
  }
  for (const AfterTer& after : parsed.after_ter)
    if (!after.refusal.empty()) refuse(content, after.chain, after.refusal);
  if (parsed.after_end.line > 0)
    refuse(
        content, parsed.after_end.chain,
        fmt::format("line {} is an atom behind END, and so is not read, nor what follows: a file "
                    "holds one structure; make each a file",
                    parsed.after_end.line));
  return content;
}

}  // namespace

bool StructureChain::is_complete(std::size_t residue) const {
  const auto first = coordinates.begin() + static_cast<std::ptrdiff_t>(9 * residue);
  return std::all_of(first, first + 9, [](float x) { return std::isfinite(x); });
}

StructureContent read_structure(std::string bytes) {
  const StructureOptions defaults;
  return read_structure(std::move(bytes), defaults);
}

StructureContent read_structure(std::string bytes, const StructureOptions& options) {
  try {
    if (is_gzip(bytes)) bytes = gunzip(bytes, largest_structure_bytes);
    if (const std::string_view packing = packing_of(bytes); !packing.empty())
      fail(Exit::data,
           fmt::format(
               "packed by {}, expected a plain file or gzip; unpack it, or put it into a tar "
               "archive (.tar, .tar.xz, .tar.bz2, .tar.zst)",
               packing));
    if (bytes.starts_with(byte_order_mark)) bytes.erase(0, byte_order_mark.size());
    if (bytes.starts_with('>'))
      fail(Exit::data,
           "FASTA text, no structure; FASTA files are named .fasta, .fa, .faa or .fas (also .gz) "
           "and lie in no archive");
    return chains_of(bytes, options);
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    fail(Exit::data, "not enough memory to read it");
  } catch (const std::exception& error) {
    fail(Exit::data, one_line(error.what()));
  }
}

}  // namespace jespr::data
