// Structure files: damaged ones, and those that lack columns.
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "data/gzip.hpp"
#include "data/structure_file.hpp"
#include "unit/data/structure_lines.hpp"

namespace {

using namespace jespr;
using namespace jespr::data;

TEST(StructureDamage, DamagedFilesHaveAReason) {
  EXPECT_EQ(reason_of(""), "empty file");
  EXPECT_EQ(reason_of("Once upon a time there was a text that is no structure at all.\n"),
            "no atoms");
  EXPECT_EQ(reason_of("HEADER    ONLY A HEADER\nREMARK   2\nEND\n"), "no atoms");
  EXPECT_EQ(reason_of("data_x\nloop_\n_atom_site.id\n"), "no atoms");
  EXPECT_EQ(reason_of("data_x\nloop_\n_atom_site.id\n'1\n"), "line:4:3: unterminated 'string'");
  EXPECT_EQ(reason_of("{\"data_x\": 1, \"some\": \"json\"}"), "neither PDB nor mmCIF");
  const std::string whole = read_original("1CRN.cif.gz");
  EXPECT_EQ(reason_of(whole.substr(0, whole.size() / 2)), "gzip data are cut short");
  EXPECT_EQ(reason_of(whole.substr(0, whole.size() - 4)), "gzip data are cut short");
  for (const std::size_t place : {whole.size() / 3, whole.size() / 2, whole.size() - 6}) {
    std::string damaged = whole;
    damaged[place] = static_cast<char>(damaged[place] ^ 16);
    EXPECT_NE(reason_of(damaged), "") << place;
  }
  EXPECT_EQ(reason_of("\x1f\x8b"), "gzip data are cut short");
  EXPECT_EQ(
      reason_of("BZh91AY&SY and more bytes"),
      "packed by bzip2, expected a plain file or gzip; unpack it, or put it into a tar archive "
      "(.tar, .tar.xz, .tar.bz2, .tar.zst)");
  EXPECT_TRUE(reason_of(std::string("\xfd"
                                    "7zXZ\0\0",
                                    7))
                  .starts_with("packed by xz"));
  EXPECT_TRUE(reason_of("PK\x03\x04 and more").starts_with("packed by zip"));
}

/// `text` with what stands from `column` (counted from 1) on in a line replaced.
std::string changed(std::string text, int line, std::size_t column, const std::string& by) {
  std::size_t begin = 0;
  for (; line > 1; --line) begin = text.find('\n', begin) + 1;
  return text.replace(begin + column - 1, by.size(), by);
}

TEST(StructureDamage, CoordinatesOfPdbAreNumbers) {
  const std::string text = residue("ALA", 'A', 1, 0) + residue("GLY", 'A', 2, 4);
  EXPECT_EQ(reason_of(changed(text, 2, 31, "********")),
            "line 2: x (columns 31 to 38) is '********', expected a number");
  EXPECT_EQ(reason_of(changed(text, 5, 39, "   1.0x0")),
            "line 5: y (columns 39 to 46) is '   1.0x0', expected a number");
  EXPECT_EQ(reason_of(changed(text, 6, 47, "        ")),
            "line 6: z (columns 47 to 54) is '        ', expected a number");
  for (const char* bad : {"     nan", "     inf", " 1.0 2.0", "    0x10", "   1e300", "       -"})
    EXPECT_NE(reason_of(changed(text, 1, 31, bad)), "") << bad;
  for (const char* good : {"  +1.500", "1.5     ", "   15e-1", " 1.50000"})
    EXPECT_FLOAT_EQ(read_structure(changed(text, 1, 31, good)).chains.at(0).coordinates[0], 1.5F);
  EXPECT_EQ(reason_of(text + "ATOM      7  N   SER A   3       1.000   2.000\n"),
            "line 7: ends at column 46, expected coordinates up to column 54");
  EXPECT_EQ(reason_of(text + std::string("ATOM\0\0", 6) + "\n" + residue("ALA", 'A', 3, 8)),
            "line 7: a zero byte: the file is damaged or no text");
  // Only what is read is checked: the first model, up to the end record.
  const std::string bad = changed(residue("ALA", 'A', 1, 9), 1, 31, "********");
  EXPECT_EQ(reason_of("MODEL        1\n" + text + "ENDMDL\nMODEL        2\n" + bad + "ENDMDL\n"),
            "");
  EXPECT_EQ(reason_of(text + "END\n" + bad), "");
}

TEST(StructureDamage, ResidueNumbersOfPdbAreNumbers) {
  const std::string text = residue("ALA", 'A', 1, 0) + residue("GLY", 'A', 2, 4);
  EXPECT_EQ(reason_of(changed(text, 5, 23, "****")),
            "line 5: the residue number (columns 23 to 26) is '****', expected a whole number, or "
            "in hybrid-36 A000 to ZZZZ behind 9999");
  for (const char* bad : {"    ", "  x3", "1.50", " 1 2", "   -", " A00", "A 00", "A*00", "a000"})
    EXPECT_NE(reason_of(changed(text, 5, 23, bad)), "") << bad;
  const auto number = [&](const char* field) {
    std::string all = text;
    for (const int line : {4, 5, 6}) all = changed(all, line, 23, field);
    return read_structure(all).chains.at(0).numbers.at(1);
  };
  EXPECT_EQ(number("12  "), 12);
  EXPECT_EQ(number("  +3"), 3);
  EXPECT_EQ(number("-999"), -999);
  EXPECT_EQ(number("9999"), 9999);
  EXPECT_EQ(number("A000"), 10000);
  EXPECT_EQ(number("A00Z"), 10035);
  // Of water and ligands they are not needed.
  for (const char* record : {"ATOM", "HETATM"})
    for (const char* name : {"HOH", "LIG"}) {
      const std::string other = atom(" O1", ' ', name, 'A', 3, 8, 1, ' ', record, "O");
      for (const char* field : {"    ", "****"}) {
        const StructureContent content = read_structure(text + changed(other, 1, 23, field));
        EXPECT_EQ(content.chains.at(0).sequence, "AG") << field;
      }
    }
}

TEST(StructureDamage, AbsentColumnsOfPdb) {
  const std::string text = residue("ALA", 'A', 1, 0);
  const auto b_factor = [](const std::string& pdb) {
    return read_structure(pdb).chains.at(0).b_factors.at(0);
  };
  EXPECT_FLOAT_EQ(b_factor(text), 10.1F);
  for (const char* unknown : {"      ", "******", "  1.x ", "   nan"})
    EXPECT_TRUE(std::isnan(b_factor(changed(text, 2, 61, unknown)))) << unknown;
  EXPECT_EQ(b_factor(changed(text, 2, 61, "  0.00")), 0.0F);
  for (const std::size_t columns : {54u, 60u, 63u}) {
    for (const char* end : {"\n", "\r\n"}) {
      std::string cut;
      for (std::size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1)
        cut += text.substr(begin, columns) + end;
      EXPECT_TRUE(std::isnan(b_factor(cut))) << columns;
      EXPECT_FLOAT_EQ(x_of_ca(read_structure(cut).chains.at(0), 0), 0.1F);
    }
  }
  // Of alternate locations without occupancy each counts as 1; the first of equals.
  std::string blank = residue("GLY", 'A', 1, 5, 'A') + residue("GLY", 'A', 1, 6, 'B', 0.6);
  for (const int line : {1, 2, 3}) blank = changed(blank, line, 55, "      ");
  EXPECT_FLOAT_EQ(x_of_ca(read_structure(blank).chains.at(0), 0), 5.1F);
}

/// A residue and the N of another in mmCIF with the columns that are needed, one of them named
/// `x_tag`, and one more.
std::string mmcif(const std::string& x_of_cb, const std::string& x_tag = "Cartn_x",
                  const std::string& tag = "label_entity_id", const std::string& value = "?") {
  std::string text = "data_x\nloop_\n";
  for (const char* column :
       {"group_PDB", "id", "type_symbol", "label_atom_id", "label_comp_id", "label_asym_id",
        "auth_seq_id", x_tag.c_str(), "Cartn_y", "Cartn_z", tag.c_str()})
    text += std::string("_atom_site.") + column + "\n";
  for (const char* start : {"1 N N", "2 C CA", "3 C C"})
    text += std::string("ATOM ") + start + " ALA A 7 1.0 2.0 3.0 " + value + "\n";
  text += "ATOM 4 C CB ALA A 7 " + x_of_cb + " 2.0 3.0 " + value + "\n";
  return text + "ATOM 5 N N GLY A 8 1.0 2.0 3.0 " + value + "\n";
}

TEST(StructureDamage, ColumnsThatMmcifMayLack) {
  const StructureContent content = read_structure(mmcif("1.0"));
  ASSERT_EQ(content.chains.size(), 1u);
  EXPECT_EQ(content.chains[0].sequence, "AG");
  EXPECT_EQ(pattern(content.chains[0]), "+-");
  EXPECT_TRUE(std::isnan(content.chains[0].b_factors[0]));
  const auto b_factor = [](const char* text) {
    return read_structure(mmcif("1.0", "Cartn_x", "B_iso_or_equiv", text))
        .chains.at(0)
        .b_factors[0];
  };
  EXPECT_FLOAT_EQ(b_factor("7.5"), 7.5F);
  EXPECT_TRUE(std::isnan(b_factor("high")));
  EXPECT_EQ(reason_of(mmcif("1.0", "fract_x")), "the atoms have no column _atom_site.Cartn_x");
}

TEST(StructureDamage, CoordinatesOfMmcifAreNumbersOrUnknown) {
  for (const char* bad : {"1.0x0", "********", "nan", "1e300"})
    EXPECT_EQ(reason_of(mmcif(bad)),
              std::string("_atom_site.Cartn_x of atom 4 is ") + bad + ", expected a number or ?");
  for (const char* good : {"?", ".", "1.5(2)", "-1"}) EXPECT_EQ(reason_of(mmcif(good)), "") << good;
}

TEST(StructureDamage, GzipThatUnpacksToTooMuch) {
  const std::string packed = read_original("1CRN.cif.gz");
  const std::size_t bytes = gunzip(packed, 1 << 30).size();
  EXPECT_EQ(gunzip(packed, bytes).size(), bytes);
  try {
    gunzip(packed, bytes - 1);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::data);
    EXPECT_EQ(error.what(), "gzip data unpack to more than the " + std::to_string(bytes - 1) +
                                " bytes that a structure may have");
  }
}

TEST(StructureDamage, GzipOfSeveralMembers) {
  const std::string part = read_original("1CRN.cif.gz");
  const std::string content = gunzip(part, largest_structure_bytes);
  EXPECT_EQ(gunzip(part + part, largest_structure_bytes), content + content);
}

}  // namespace
