// Checks of PDB and mmCIF texts, and their reading by gemmi.
#include "data/structure_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <exception>
#include <gemmi/cif.hpp>
#include <gemmi/mmcif.hpp>
#include <gemmi/mmread.hpp>
#include <gemmi/pdb.hpp>
#include <gemmi/resinfo.hpp>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace jespr::data {
namespace {

namespace cif = gemmi::cif;

/// What gemmi is told where there is no B-factor; six letters, as the column in PDB files is wide.
constexpr std::string_view unknown_b = " -1e30";
constexpr float least_b = -1e29F;  // any B-factor is above this

// ---- PDB (wwPDB format 3.3; columns count from 1 there, from 0 here)

struct Field {
  std::size_t begin, width;
};

constexpr std::array<Field, 3> coordinate_fields = {{{30, 8}, {38, 8}, {46, 8}}};
constexpr Field number_field = {22, 4};
constexpr Field occupancy_field = {54, 6}, b_factor_field = {60, 6};
constexpr std::size_t end_of_coordinates = 54, line_columns = 80;

/// The first four letters of a line, in either case, as a number.
int record_of(std::string_view line) {
  std::array<char, 4> start = {' ', ' ', ' ', ' '};
  std::copy_n(line.begin(), std::min(line.size(), start.size()), start.begin());
  return gemmi::ialpha4_id(start.data());
}

bool is_record(int record, const char* name) { return record == gemmi::ialpha4_id(name); }

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

/// Whether the text is what nearly all numbers of structures are: up to a sign, nine digits and a
/// point. It need not be parsed to know that it is a number, and finite.
bool is_plain_number(std::string_view text) {
  constexpr std::size_t most_digits = 9;
  if (text.starts_with('-')) text.remove_prefix(1);
  std::size_t digits = 0, points = 0;
  for (const char c : text) {
    digits += c >= '0' && c <= '9';
    points += c == '.';
  }
  return digits > 0 && digits <= most_digits && points <= 1 && digits + points == text.size();
}

/// The finite number (as a float, too) that the whole text is, if it is one.
std::optional<double> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return std::isfinite(static_cast<float>(value)) ? std::optional(value) : std::nullopt;
}

bool is_number(std::string_view text) { return is_plain_number(text) || number_of(text); }

std::string_view text_of(std::string_view line, const Field& field) {
  return trimmed(line.substr(field.begin, field.width));
}

void check_coordinates(std::string_view line, int number) {
  if (line.size() < end_of_coordinates)
    fail(Exit::data, fmt::format("line {}: ends at column {}, expected coordinates up to column {}",
                                 number, line.size(), end_of_coordinates));
  for (std::size_t i = 0; i < coordinate_fields.size(); ++i) {
    const Field& field = coordinate_fields[i];
    if (!is_number(text_of(line, field)))
      fail(Exit::data, fmt::format("line {}: {} (columns {} to {}) is '{}', expected a number",
                                   number, "xyz"[i], field.begin + 1, field.begin + field.width,
                                   line.substr(field.begin, field.width)));
  }
}

/// Whether gemmi reads the whole text as one number: digits, or in hybrid-36 A000 to ZZZZ.
bool is_pdb_residue_number(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() == number_field.width && text[0] >= 'A' && text[0] <= 'Z')
    return std::all_of(text.begin(), text.end(),
                       [&](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); });
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

/// Amino acids whose numbers are none could not be told from each other.
void check_number(std::string_view line, int number) {
  if (is_pdb_residue_number(text_of(line, number_field)) || !has_amino_acid_name(line)) return;
  fail(Exit::data,
       fmt::format("line {}: the residue number (columns {} to {}) is '{}', expected a "
                   "whole number, or in hybrid-36 A000 to ZZZZ behind 9999",
                   number, number_field.begin + 1, number_field.begin + number_field.width,
                   line.substr(number_field.begin, number_field.width)));
}

void put(std::string& line, const Field& field, std::string_view text) {
  line.resize(std::max(line.size(), field.begin + field.width), ' ');
  line.replace(field.begin, field.width, text);
}

/// An occupancy that is not given is 1, a B-factor that is not given (or cut) unknown.
void complete(std::string& line) {
  const bool has_b = line.size() >= b_factor_field.begin + b_factor_field.width &&
                     is_number(text_of(line, b_factor_field));
  line.resize(std::max(line.size(), b_factor_field.begin), ' ');
  if (text_of(line, occupancy_field).empty()) put(line, occupancy_field, "  1.00");
  if (!has_b) put(line, b_factor_field, unknown_b);
}

/// "REMARK   2 RESOLUTION.    1.74 ANGSTROMS." (wwPDB format 3.3); NaN in any other line.
float resolution_of(std::string_view line) {
  constexpr std::string_view start = "REMARK   2 RESOLUTION.";
  if (!line.starts_with(start)) return std::numeric_limits<float>::quiet_NaN();
  line = trimmed(line.substr(start.size()));
  return static_cast<float>(
      number_of(line.substr(0, line.find(' '))).value_or(std::numeric_limits<double>::quiet_NaN()));
}

[[noreturn]] void fail_without_model(int model, int models) {
  fail(Exit::data, fmt::format("model {} was asked for, the file has {}", model, models));
}

/// Takes the first line off the text, without its end.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_atom_record(int record) { return is_record(record, "ATOM") || is_record(record, "HETA"); }

/// The first atom behind END in a text whose first line has this number; `is_over`: END was before.
AfterEnd find_atom_after_end(std::string_view text, int number, bool is_over) {
  for (; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    const int record = record_of(line);
    if (is_over && is_atom_record(record))
      return {number, std::string(line.size() > 22 ? trimmed(line.substr(20, 2)) : "")};
    is_over = is_over || is_record(record, "END ");
  }
  return {};
}

/// The records of a model and of SEQRES, the atoms checked and completed. Other lines are left
/// empty, so that line numbers stay; short ones are filled up, since gemmi reads on behind their
/// end. The resolution is set where the text gives it, and what stands behind TER and END.
std::string checked_pdb(std::string_view text, int wanted_model, StructureText& parsed) {
  std::string checked;
  checked.reserve(text.size() + text.size() / 8);
  ChainEnds ends;
  bool has_atoms = false;  // the model under way
  int model = 1;
  for (int number = 1; !text.empty(); ++number) {
    std::string line(take_line(text));
    if (line.find('\0') != std::string::npos)  // where gemmi would take it for the end of the file
      fail(Exit::data, fmt::format("line {}: a zero byte: the file is damaged or no text", number));
    const int record = record_of(line);
    const bool is_atom = is_atom_record(record);
    has_atoms |= is_atom;
    if (is_record(record, "END ")) {
      parsed.after_end = find_atom_after_end(text, number + 1, true);
      break;
    }
    if (has_atoms && is_record(record, "ENDM")) {
      if (model == wanted_model) {
        parsed.after_ter = ends.settle(checked);
        parsed.after_end = find_atom_after_end(text, number + 1, false);
        return checked;
      }
      ++model;
      has_atoms = false;
    }
    const bool is_ter = is_record(record, "TER ");
    const bool is_of_model =
        model == wanted_model && (is_atom || is_ter || is_record(record, "MODE"));
    if (is_of_model && is_atom) {
      check_coordinates(line, number);
      check_number(line, number);
      complete(line);
      ends.add_atom(line, number, checked.size());
    }
    if (is_of_model && is_ter) ends.add_ter();
    if (is_record(record, "REMA") && !std::isfinite(parsed.resolution))
      parsed.resolution = resolution_of(line);
    if (is_of_model || is_record(record, "SEQR") ||
        is_record(record, "data"))  // the last for gemmi to say that this is mmCIF
      checked.append(line).append(std::max(line.size(), line_columns) - line.size(), ' ');
    checked += '\n';
  }
  if (model < wanted_model || !has_atoms) {
    const int models = has_atoms ? model : model - 1;
    if (models > 0) fail_without_model(wanted_model, models);
  }
  parsed.after_ter = ends.settle(checked);
  return checked;
}

gemmi::Structure structure_of_pdb(const std::string& checked) {
  try {
    return gemmi::read_pdb_from_memory(checked.data(), checked.size(), "");
  } catch (const std::runtime_error&) {
    // Before 1996 columns 73 to 80 held the entry's id and the number of the line.
    gemmi::PdbReadOptions options;
    options.max_line_length = 72;
    return gemmi::read_pdb_from_memory(checked.data(), checked.size(), "", options);
  }
}

/// To gemmi nothing behind the first TER is of the polymer. Up to the last amino acid that goes on
/// with the chain residues are told from ligands as where a chain has no TER.
void join_after_ter(gemmi::Model& model, const AfterTer& after) {
  std::vector<gemmi::Residue*> outside;  // in all parts of the chain
  for (gemmi::Chain& chain : model.chains)
    for (gemmi::Residue& residue : chain.residues)
      if (chain.name == after.chain && residue.entity_type == gemmi::EntityType::NonPolymer)
        outside.push_back(&residue);
  const auto last =
      std::find_if(outside.rbegin(), outside.rend(), [&](const gemmi::Residue* residue) {
        return residue->het_flag == 'A' && residue->seqid == after.last.seqid &&
               (residue->name == after.last.name ||  // else an alternative of it
                gemmi::find_tabulated_residue(residue->name).is_amino_acid());
      });
  for (auto residue = last; residue != outside.rend(); ++residue)
    (*residue)->entity_type = gemmi::EntityType::Unknown;
}

void parse_pdb(const std::string& text, int model, StructureText& parsed) {
  parsed.structure = structure_of_pdb(checked_pdb(text, model, parsed));
  for (const AfterTer& after : parsed.after_ter)
    if (after.line > 0) join_after_ter(parsed.structure.models.front(), after);
}

// ---- mmCIF

const std::string atom_site = "_atom_site.";

/// Adds a column of one value to the atoms, unless they have it.
void add_column(cif::Block& block, const std::string& tag, const std::string& value) {
  if (block.has_tag(atom_site + tag)) return;
  cif::Loop* loop = block.find_loop(atom_site + "id").get_loop();
  if (!loop) {  // a single atom, given as pairs
    block.set_pair(atom_site + tag, value);
    return;
  }
  std::vector<std::string> values;
  values.reserve(loop->values.size() + loop->length());
  for (std::size_t i = 0; i < loop->values.size(); ++i) {
    values.push_back(std::move(loop->values[i]));
    if ((i + 1) % loop->width() == 0) values.push_back(value);
  }
  loop->values = std::move(values);
  loop->tags.push_back(atom_site + tag);
}

/// Adds a column to the atoms, unless they have it, of what stands in another.
void add_copy(cif::Block& block, const std::string& tag, const std::string& from) {
  if (block.has_tag(atom_site + tag) || !block.has_tag(atom_site + from)) return;
  add_column(block, tag, "?");
  for (auto atom : block.find(atom_site, {tag, from})) atom[0] = atom[1];
}

/// The atoms of one model stay, those of others go; gemmi would take time for them.
void keep_model(cif::Block& block, int wanted_model) {
  const std::string tag = atom_site + "pdbx_PDB_model_num";
  cif::Loop* loop = block.has_tag(tag) ? block.find_loop(tag).get_loop() : nullptr;
  if (!loop) {  // the file numbers no models, or has a single atom
    if (wanted_model > 1) fail_without_model(wanted_model, 1);
    return;
  }
  const auto column = static_cast<std::size_t>(loop->find_tag(tag));
  std::vector<std::string> models;  // in the order of their first atoms
  for (std::size_t i = column; i < loop->values.size(); i += loop->width())
    if (models.empty() ||
        (models.back() != loop->values[i] &&
         std::find(models.begin(), models.end(), loop->values[i]) == models.end()))
      models.push_back(loop->values[i]);
  const auto wanted = static_cast<std::size_t>(wanted_model);
  if (models.size() < wanted) fail_without_model(wanted_model, static_cast<int>(models.size()));
  if (models.size() > 1) {
    std::vector<std::string> values;
    for (std::size_t row = 0; row < loop->values.size(); row += loop->width())
      if (loop->values[row + column] == models[wanted - 1])
        for (std::size_t i = row; i < row + loop->width(); ++i)
          values.push_back(std::move(loop->values[i]));
    loop->values = std::move(values);
  }
  if (cif::is_null(models[wanted - 1]))  // gemmi would take each atom for a model
    for (std::string& value : block.find_values(tag)) value = "1";
}

/// Every coordinate is a number, ? or '.'.
void check_coordinates(cif::Block& block) {
  constexpr int first = 1;
  for (auto atom : block.find(atom_site, {"id", "Cartn_x", "Cartn_y", "Cartn_z"})) {
    for (int i = 0; i < 3; ++i) {
      const std::string& text = atom[first + i];
      if (!is_plain_number(text) && !cif::is_null(text) &&
          !std::isfinite(static_cast<float>(cif::as_number(text))))
        fail(Exit::data, fmt::format("_atom_site.Cartn_{} of atom {} is {}, expected a number or ?",
                                     "xyz"[i], atom[0], text));
    }
  }
}

/// Whether the text is a residue number; `with_code`: an insertion code may follow, as in old
/// files.
bool is_residue_number(std::string_view text, bool with_code) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::ptrdiff_t behind = text.data() + text.size() - end;
  return error == std::errc() && number != std::numeric_limits<std::int32_t>::min() &&
         (behind == 0 || (with_code && behind == 1 && *end >= 'A'));
}

[[noreturn]] void fail_number(const std::string& tag, const std::string& atom,
                              const std::string& text, const std::string& expected) {
  fail(Exit::data,
       fmt::format("{}{} of atom {} is {}, expected {}", atom_site, tag, atom, text, expected));
}

/// Author's numbers and chain ids that are not given are those of the label columns. Failure: Error
/// (data) where a number is none, and where an amino acid has none.
void complete_ids(cif::Block& block) {
  enum { id, asym, auth_asym, auth_seq, seq, comp };
  for (auto atom : block.find(atom_site, {"id", "label_asym_id", "?auth_asym_id", "auth_seq_id",
                                          "?label_seq_id", "?label_comp_id"})) {
    if (atom.has(auth_asym) && cif::is_null(atom[auth_asym])) atom[auth_asym] = atom[asym];
    const bool has_label = atom.has2(seq);
    if (has_label && !is_residue_number(atom[seq], false))
      fail_number("label_seq_id", atom[id], atom[seq], "a whole number or '.'");
    std::string& number = atom[auth_seq];
    if (!cif::is_null(number)) {
      if (!is_residue_number(number, true))
        fail_number("auth_seq_id", atom[id], number, "a whole number");
    } else if (has_label) {
      number = atom[seq];
    } else if (atom.has(comp) && gemmi::find_tabulated_residue(atom.str(comp)).is_amino_acid()) {
      fail_number("auth_seq_id", atom[id], number, "a whole number, or one in label_seq_id");
    }
  }
}

/// Polymers of entity_poly_seq that _entity does not list, as where a writer leaves that out, are
/// added to it: gemmi reads the sequences of entities that it knows.
void complete_entities(cif::Block& block) {
  std::vector<std::pair<std::string, std::string>> entities;  // id, type
  for (auto row : block.find("_entity.", {"id", "type"})) entities.emplace_back(row[0], row[1]);
  const std::size_t listed = entities.size();
  for (const std::string& id : block.find_values("_entity_poly_seq.entity_id"))
    if (std::none_of(entities.begin(), entities.end(),
                     [&](const auto& entity) { return entity.first == id; }))
      entities.emplace_back(id, "polymer");
  if (entities.size() == listed) return;
  for (cif::Item& item : block.items)
    if (item.has_prefix("_entity.")) item.erase();
  cif::Loop& loop = block.init_loop("_entity.", {"id", "type"});
  for (const auto& [id, type] : entities) loop.add_row({id, type});
}

/// Checks the atoms and adds what a writer may leave out and gemmi requires.
void check_atoms(cif::Block& block, int model) {
  if (block.find_mmcif_category(atom_site).length() == 0) return;
  add_copy(block, "auth_seq_id", "label_seq_id");
  for (const char* tag :
       {"id", "type_symbol", "label_asym_id", "auth_seq_id", "Cartn_x", "Cartn_y", "Cartn_z"})
    if (!block.has_tag(atom_site + tag))
      fail(Exit::data, "the atoms have no column " + atom_site + tag);
  keep_model(block, model);
  check_coordinates(block);
  complete_ids(block);
  add_column(block, "label_alt_id", ".");
  add_column(block, "occupancy", "1");
  add_column(block, "B_iso_or_equiv", "?");
  for (std::string& value : block.find_values(atom_site + "B_iso_or_equiv"))
    if (!is_plain_number(value) && std::isnan(cif::as_number(value))) value = trimmed(unknown_b);
}

/// Erases what is not needed, and so what could be wrong with it.
void keep_what_is_read(cif::Block& block) {
  for (cif::Item& item : block.items) {
    bool needed = false;
    for (const char* category :
         {"_atom_site.", "_entity.", "_entity_poly.", "_entity_poly_seq.", "_struct_asym."})
      needed |= item.has_prefix(category);
    if (!needed) item.erase();
  }
}

/// Resolution of X-ray diffraction or of an electron microscope's map; NaN where none is given.
float resolution_of(cif::Block& block) {
  for (const char* tag : {"_refine.ls_d_res_high", "_em_3d_reconstruction.resolution"})
    for (const std::string& value : block.find_values(tag))
      if (const double number = cif::as_number(value); std::isfinite(number))
        return static_cast<float>(number);
  return std::numeric_limits<float>::quiet_NaN();
}

gemmi::Structure parse_mmcif(const std::string& text, int model, Scheme& scheme,
                             float& resolution) {
  cif::Document document = cif::read_memory(text.data(), text.size(), "line");
  cif::Block& block = document.blocks.at(0);
  check_atoms(block, model);
  complete_entities(block);
  resolution = resolution_of(block);
  for (auto row :
       block.find("_pdbx_poly_seq_scheme.", {"asym_id", "seq_id", "pdb_seq_num", "?pdb_ins_code"}))
    if (!cif::is_null(row[2]))
      scheme[{row.str(0), cif::as_int(row[1])}] =
          gemmi::impl::make_seqid(row.str(2), row.has(3) ? &row[3] : nullptr);
  keep_what_is_read(block);
  return gemmi::make_structure(document);
}

}  // namespace

bool has_b_factor(const gemmi::Atom& atom) { return atom.b_iso > least_b; }

StructureText parse_structure(const std::string& text, int model) {
  constexpr std::size_t shortest = 16;  // bytes that gemmi needs to tell the format
  StructureText parsed;
  parsed.resolution = std::numeric_limits<float>::quiet_NaN();
  switch (text.size() < shortest
              ? gemmi::CoorFormat::Unknown
              : gemmi::coor_format_from_content(text.data(), text.data() + text.size())) {
    case gemmi::CoorFormat::Pdb:
      parse_pdb(text, model, parsed);
      return parsed;
    case gemmi::CoorFormat::Mmcif:
      parsed.structure = parse_mmcif(text, model, parsed.scheme, parsed.resolution);
      return parsed;
    default:
      fail(Exit::data, text.empty() ? "empty file" : "neither PDB nor mmCIF");
  }
}

}  // namespace jespr::data
