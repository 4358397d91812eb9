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

/// The records of the first model and of SEQRES, the atoms checked and completed. Other lines are
/// left empty, so that line numbers stay; short ones are filled up, since gemmi reads on behind
/// their end.
std::string checked_pdb(std::string_view text) {
  std::string checked;
  checked.reserve(text.size() + text.size() / 8);
  bool has_atoms = false;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.pop_back();
    if (line.find('\0') != std::string::npos)  // where gemmi would take it for the end of the file
      fail(Exit::data, fmt::format("line {}: a zero byte: the file is damaged or no text", number));
    const bool is_atom = is_record(line, "ATOM") || is_record(line, "HETA");
    if (is_atom) {
      check_coordinates(line, number);
      complete(line);
      has_atoms = true;
    }
    if (is_record(line, "END ") || (has_atoms && is_record(line, "ENDM"))) break;
    if (is_atom || is_record(line, "SEQR") || is_record(line, "TER ") || is_record(line, "MODE") ||
        is_record(line, "data"))  // the last for gemmi to say that this is mmCIF
      checked.append(line).append(std::max(line.size(), line_columns) - line.size(), ' ');
    checked += '\n';
  }
  return checked;
}

gemmi::Structure parse_pdb(const std::string& text) {
  const std::string checked = checked_pdb(text);
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

/// Every coordinate of the first model is a number, ? or '.'.
void check_coordinates(cif::Block& block) {
  cif::Table atoms =
      block.find(atom_site, {"id", "Cartn_x", "Cartn_y", "Cartn_z", "?pdbx_PDB_model_num"});
  constexpr int first = 1, model = 4;
  for (auto atom : atoms) {
    if (atom.has(model) && atom[model] != atoms[0][model]) continue;
    for (int i = 0; i < 3; ++i) {
      const std::string& text = atom[first + i];
      if (!cif::is_null(text) && !std::isfinite(static_cast<float>(cif::as_number(text))))
        fail(Exit::data, fmt::format("_atom_site.Cartn_{} of atom {} is {}, expected a number or ?",
                                     "xyz"[i], atom[0], text));
    }
  }
}

/// Checks the atoms and adds what a writer may leave out and gemmi requires.
void check_atoms(cif::Block& block) {
  if (block.find_mmcif_category(atom_site).length() == 0) return;
  for (const char* tag :
       {"id", "type_symbol", "label_asym_id", "auth_seq_id", "Cartn_x", "Cartn_y", "Cartn_z"})
    if (!block.has_tag(atom_site + tag))
      fail(Exit::data, "the atoms have no column " + atom_site + tag);
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

gemmi::Structure parse_mmcif(const std::string& text, Scheme& scheme) {
  cif::Document document = cif::read_memory(text.data(), text.size(), "line");
  cif::Block& block = document.blocks.at(0);
  check_atoms(block);
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

gemmi::Structure parse_structure(const std::string& text, Scheme& scheme) {
  constexpr std::size_t shortest = 16;  // bytes that gemmi needs to tell the format
  switch (text.size() < shortest
              ? gemmi::CoorFormat::Unknown
              : gemmi::coor_format_from_content(text.data(), text.data() + text.size())) {
    case gemmi::CoorFormat::Pdb:
      return parse_pdb(text);
    case gemmi::CoorFormat::Mmcif:
      return parse_mmcif(text, scheme);
    default:
      fail(Exit::data, text.empty() ? "empty file" : "neither PDB nor mmCIF");
  }
}

}  // namespace jespr::data
