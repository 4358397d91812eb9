// Checks of PDB and mmCIF texts, and their reading by gemmi.
#include "data/structure_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <exception>
#include <gemmi/cif.hpp>
#include <gemmi/mmcif.hpp>
#include <gemmi/mmread.hpp>
#include <gemmi/pdb.hpp>
#include <limits>
#include <optional>
#include <string_view>
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
constexpr Field occupancy_field = {54, 6}, b_factor_field = {60, 6};
constexpr std::size_t end_of_coordinates = 54, line_columns = 80;

bool is_record(std::string_view line, const char* name) {
  std::array<char, 4> start = {' ', ' ', ' ', ' '};
  std::copy_n(line.begin(), std::min(line.size(), start.size()), start.begin());
  return gemmi::ialpha4_id(start.data()) == gemmi::ialpha4_id(name);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

/// The finite number (as a float, too) that the whole text is, if it is one.
std::optional<double> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return std::isfinite(static_cast<float>(value)) ? std::optional(value) : std::nullopt;
}

std::string_view text_of(std::string_view line, const Field& field) {
  return trimmed(line.substr(field.begin, field.width));
}

void check_coordinates(std::string_view line, int number) {
  if (line.size() < end_of_coordinates)
    fail(Exit::data, fmt::format("line {}: ends at column {}, expected coordinates up to column {}",
                                 number, line.size(), end_of_coordinates));
  for (std::size_t i = 0; i < coordinate_fields.size(); ++i) {
    const Field& field = coordinate_fields[i];
    if (!number_of(text_of(line, field)))
      fail(Exit::data, fmt::format("line {}: {} (columns {} to {}) is '{}', expected a number",
                                   number, "xyz"[i], field.begin + 1, field.begin + field.width,
                                   line.substr(field.begin, field.width)));
  }
}

void put(std::string& line, const Field& field, std::string_view text) {
  line.resize(std::max(line.size(), field.begin + field.width), ' ');
  line.replace(field.begin, field.width, text);
}

/// An occupancy that is not given is 1, a B-factor that is not given (or cut) unknown.
void complete(std::string& line) {
  const bool has_b = line.size() >= b_factor_field.begin + b_factor_field.width &&
                     number_of(text_of(line, b_factor_field));
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

/// The records of a model and of SEQRES, the atoms checked and completed. Other lines are left
/// empty, so that line numbers stay; short ones are filled up, since gemmi reads on behind their
/// end. `resolution` is set where the text gives it.
std::string checked_pdb(std::string_view text, int wanted_model, float& resolution) {
  std::string checked;
  checked.reserve(text.size() + text.size() / 8);
  bool has_atoms = false;  // the model under way
  int model = 1;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.pop_back();
    if (line.find('\0') != std::string::npos)  // where gemmi would take it for the end of the file
      fail(Exit::data, fmt::format("line {}: a zero byte: the file is damaged or no text", number));
    const bool is_atom = is_record(line, "ATOM") || is_record(line, "HETA");
    has_atoms |= is_atom;
    if (is_record(line, "END ")) break;
    if (has_atoms && is_record(line, "ENDM")) {
      if (model == wanted_model) return checked;
      ++model;
      has_atoms = false;
    }
    const bool is_of_model =
        model == wanted_model && (is_atom || is_record(line, "TER ") || is_record(line, "MODE"));
    if (is_of_model && is_atom) {
      check_coordinates(line, number);
      complete(line);
    }
    if (is_record(line, "REMA") && !std::isfinite(resolution)) resolution = resolution_of(line);
    if (is_of_model || is_record(line, "SEQR") ||
        is_record(line, "data"))  // the last for gemmi to say that this is mmCIF
      checked.append(line).append(std::max(line.size(), line_columns) - line.size(), ' ');
    checked += '\n';
  }
  if (model < wanted_model || !has_atoms) {
    const int models = has_atoms ? model : model - 1;
    if (models > 0) fail_without_model(wanted_model, models);
  }
  return checked;
}

gemmi::Structure parse_pdb(const std::string& text, int model, float& resolution) {
  const std::string checked = checked_pdb(text, model, resolution);
  try {
    return gemmi::read_pdb_from_memory(checked.data(), checked.size(), "");
  } catch (const std::runtime_error&) {
    // Before 1996 columns 73 to 80 held the entry's id and the number of the line.
    gemmi::PdbReadOptions options;
    options.max_line_length = 72;
    return gemmi::read_pdb_from_memory(checked.data(), checked.size(), "", options);
  }
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
  if (models.size() == 1) return;
  std::vector<std::string> values;
  for (std::size_t row = 0; row < loop->values.size(); row += loop->width())
    if (loop->values[row + column] == models[wanted - 1])
      for (std::size_t i = row; i < row + loop->width(); ++i)
        values.push_back(std::move(loop->values[i]));
  loop->values = std::move(values);
}

/// Every coordinate is a number, ? or '.'.
void check_coordinates(cif::Block& block) {
  constexpr int first = 1;
  for (auto atom : block.find(atom_site, {"id", "Cartn_x", "Cartn_y", "Cartn_z"})) {
    for (int i = 0; i < 3; ++i) {
      const std::string& text = atom[first + i];
      if (!cif::is_null(text) && !std::isfinite(static_cast<float>(cif::as_number(text))))
        fail(Exit::data, fmt::format("_atom_site.Cartn_{} of atom {} is {}, expected a number or ?",
                                     "xyz"[i], atom[0], text));
    }
  }
}

/// Checks the atoms and adds what a writer may leave out and gemmi requires.
void check_atoms(cif::Block& block, int model) {
  if (block.find_mmcif_category(atom_site).length() == 0) return;
  for (const char* tag :
       {"id", "type_symbol", "label_asym_id", "auth_seq_id", "Cartn_x", "Cartn_y", "Cartn_z"})
    if (!block.has_tag(atom_site + tag))
      fail(Exit::data, "the atoms have no column " + atom_site + tag);
  keep_model(block, model);
  check_coordinates(block);
  add_column(block, "label_alt_id", ".");
  add_column(block, "occupancy", "1");
  add_column(block, "B_iso_or_equiv", "?");
  for (std::string& value : block.find_values(atom_site + "B_iso_or_equiv"))
    if (std::isnan(cif::as_number(value))) value = trimmed(unknown_b);
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
      parsed.structure = parse_pdb(text, model, parsed.resolution);
      return parsed;
    case gemmi::CoorFormat::Mmcif:
      parsed.structure = parse_mmcif(text, model, parsed.scheme, parsed.resolution);
      return parsed;
    default:
      fail(Exit::data, text.empty() ? "empty file" : "neither PDB nor mmCIF");
  }
}

}  // namespace jespr::data
