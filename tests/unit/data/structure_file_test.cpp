// Structure files: ordinary, awkward and damaged ones.
#include "data/structure_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/error.hpp"
#include "data/gzip.hpp"
#include "io/files.hpp"
#include "support/paths.hpp"

namespace {

using namespace jespr;
using data::read_structure;
using data::StructureChain;
using data::StructureContent;

/// An ATOM line of the PDB format (wwPDB format 3.3).
std::string atom(const char* name, char altloc, const char* residue, char chain, int number,
                 double x, double occupancy = 1.0, char insertion = ' ',
                 const char* record = "ATOM", const char* element = nullptr) {
  static int serial = 0;
  char line[128];
  std::snprintf(line, sizeof line,
                "%-6s%5d %-4s%c%3s %c%4d%c   %8.3f%8.3f%8.3f%6.2f%6.2f          %2s\n", record,
                ++serial % 99999, name, altloc, residue, chain, number, insertion, x, 0.0, 0.0,
                occupancy, 10.0 + x,
                element          ? element
                : name[1] == 'N' ? "N"
                                 : "C");
  return line;
}

/// N, CA and C of a residue at x, x + 0.1, x + 0.2.
std::string residue(const char* name, char chain, int number, double x, char altloc = ' ',
                    double occupancy = 1.0, char insertion = ' ', const char* record = "ATOM") {
  return atom(" N", altloc, name, chain, number, x, occupancy, insertion, record) +
         atom(" CA", altloc, name, chain, number, x + 0.1, occupancy, insertion, record) +
         atom(" C", altloc, name, chain, number, x + 0.2, occupancy, insertion, record);
}

float x_of_ca(const StructureChain& chain, std::size_t residue) {
  return chain.coordinates[9 * residue + 3];
}

std::string pattern(const StructureChain& chain) {
  std::string text;
  for (std::size_t i = 0; i < chain.length(); ++i) text += chain.is_complete(i) ? '+' : '-';
  return text;
}

std::string reason_of(const std::string& bytes) {
  try {
    read_structure(bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::data);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "";
}

std::string read_file(const std::string& name) {
  return io::read_file(test::source_dir() / "tests/data/structures" / name);
}

TEST(StructureFile, PlainPdb) {
  const StructureContent content =
      read_structure(residue("ALA", 'A', 1, 0) + residue("TRP", 'A', 2, 3.8) + "TER\n" +
                     residue("GLY", 'B', 7, 9) + "END\n");
  ASSERT_EQ(content.chains.size(), 2u);
  EXPECT_EQ(content.chains[0].id, "A");
  EXPECT_EQ(content.chains[0].sequence, "AW");
  EXPECT_EQ(content.chains[0].numbers, (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(content.chains[0].insertion_codes, "  ");
  EXPECT_FLOAT_EQ(content.chains[0].coordinates[9], 3.8F);
  EXPECT_FLOAT_EQ(x_of_ca(content.chains[0], 1), 3.9F);
  EXPECT_FLOAT_EQ(content.chains[0].b_factors[1], 13.9F);
  EXPECT_EQ(content.chains[1].sequence, "G");
  EXPECT_TRUE(content.refusals.empty());
}

TEST(StructureFile, FirstModelOnly) {
  const StructureContent content =
      read_structure("MODEL        1\n" + residue("ALA", 'A', 1, 0) + "ENDMDL\nMODEL        2\n" +
                     residue("ALA", 'A', 1, 5) + residue("GLY", 'A', 2, 9) + "ENDMDL\nEND\n");
  ASSERT_EQ(content.chains.size(), 1u);
  EXPECT_EQ(content.chains[0].sequence, "A");
  EXPECT_FLOAT_EQ(x_of_ca(content.chains[0], 0), 0.1F);
}

TEST(StructureFile, AlternateLocationByOccupancy) {
  const StructureContent content =
      read_structure(residue("ALA", 'A', 1, 1, 'A', 0.4) + residue("ALA", 'A', 1, 2, 'B', 0.6) +
                     residue("GLY", 'A', 2, 3, 'A', 0.5) + residue("GLY", 'A', 2, 4, 'B', 0.5) +
                     // A point mutation within the crystal: two residues at one place.
                     residue("SER", 'A', 3, 5, 'A', 0.3) + residue("THR", 'A', 3, 6, 'B', 0.7));
  ASSERT_EQ(content.chains.size(), 1u);
  const StructureChain& chain = content.chains[0];
  EXPECT_EQ(chain.sequence, "AGT");
  EXPECT_FLOAT_EQ(x_of_ca(chain, 0), 2.1F);
  EXPECT_FLOAT_EQ(x_of_ca(chain, 1), 3.1F);  // equal: the first
  EXPECT_FLOAT_EQ(x_of_ca(chain, 2), 6.1F);
}

TEST(StructureFile, NumbersWithInsertionCodesAndSigns) {
  const StructureContent content =
      read_structure(residue("ALA", 'A', -2, 1) + residue("ALA", 'A', 0, 2) +
                     residue("GLY", 'A', 52, 3) + residue("SER", 'A', 52, 4, ' ', 1, 'A') +
                     residue("SER", 'A', 52, 5, ' ', 1, 'B') + residue("TRP", 'A', 53, 6));
  ASSERT_EQ(content.chains.size(), 1u);
  EXPECT_EQ(content.chains[0].sequence, "AAGSSW");
  EXPECT_EQ(content.chains[0].numbers, (std::vector<std::int32_t>{-2, 0, 52, 52, 52, 53}));
  EXPECT_EQ(content.chains[0].insertion_codes, "   AB ");
}

TEST(StructureFile, ModifiedAndUnknownResidues) {
  const StructureContent content =
      read_structure(residue("MSE", 'A', 1, 1, ' ', 1, ' ', "HETATM") + residue("SEP", 'A', 2, 2) +
                     residue("SEC", 'A', 3, 3) + residue("QQ9", 'A', 4, 4) +
                     residue("UNK", 'A', 5, 5) + residue("ALA", 'A', 6, 6) + "TER\n" +
                     atom(" O", ' ', "HOH", 'A', 7, 7, 1, ' ', "HETATM", "O") +
                     atom("CA", ' ', " CA", 'A', 8, 8, 1, ' ', "HETATM", "CA"));
  ASSERT_EQ(content.chains.size(), 1u);
  EXPECT_EQ(content.chains[0].sequence, "MSUXXA");
}

TEST(StructureFile, MissingResiduesOfSeqres) {
  const std::string seqres =
      "SEQRES   1 A    9  ACE GLY ALA SER TRP LYS GLY VAL NH2                          \n";
  const StructureContent content =
      read_structure(seqres + residue("ALA", 'A', 2, 0) + residue("SER", 'A', 3, 1) +
                     residue("GLY", 'A', 6, 30) + "TER\n");
  ASSERT_EQ(content.chains.size(), 1u);
  const StructureChain& chain = content.chains[0];
  EXPECT_EQ(chain.sequence, "GASWKGV");
  EXPECT_EQ(pattern(chain), "-++--+-");
  EXPECT_EQ(chain.numbers[1], 2);
  EXPECT_EQ(chain.numbers[3], data::no_number);
  EXPECT_TRUE(std::isnan(chain.coordinates[0]) && std::isnan(chain.b_factors[0]));
  EXPECT_EQ(chain.note, "");
}

/// One residue between two gaps: only its number tells where it belongs.
TEST(StructureFile, LoneResidueBetweenGapsGoesByItsNumber) {
  const std::string seqres =
      "SEQRES   1 A    9  ALA TRP GLY SER GLY LYS GLY VAL HIS                          \n";
  for (const int number : {3, 5, 7}) {
    const StructureContent content =
        read_structure(seqres + residue("ALA", 'A', 1, 0) + residue("GLY", 'A', number, 50) +
                       residue("HIS", 'A', 9, 90) + "TER\n");
    std::string expected = "+-------+";
    expected[static_cast<std::size_t>(number) - 1] = '+';
    EXPECT_EQ(pattern(content.chains.at(0)), expected);
  }
}

TEST(StructureFile, SeqresThatDoesNotFitIsNotUsed) {
  const StructureContent content = read_structure(
      "SEQRES   1 A    5  TRP TRP TRP TRP TRP                                      \n" +
      residue("ALA", 'A', 1, 0) + residue("GLY", 'A', 2, 3.8) + "TER\n");
  ASSERT_EQ(content.chains.size(), 1u);
  EXPECT_EQ(content.chains[0].sequence, "AG");
  EXPECT_NE(content.chains[0].note, "");
}

TEST(StructureFile, ResiduesWithSomeAtoms) {
  const StructureContent content =
      read_structure(residue("ALA", 'A', 1, 0) + atom(" N", ' ', "GLY", 'A', 2, 4) +
                     atom(" CA", ' ', "GLY", 'A', 2, 5) + residue("SER", 'A', 3, 8));
  ASSERT_EQ(content.chains.size(), 1u);
  const StructureChain& chain = content.chains[0];
  EXPECT_EQ(chain.sequence, "AGS");
  EXPECT_EQ(pattern(chain), "+-+");
  EXPECT_FLOAT_EQ(x_of_ca(chain, 1), 5.0F);
  EXPECT_TRUE(std::isnan(chain.coordinates[9 + 6]));
}

TEST(StructureFile, ChainsThatAreNoProtein) {
  const StructureContent content = read_structure(
      residue("ALA", 'A', 1, 0) + "TER\n" + atom(" P", ' ', " DG", 'B', 1, 9, 1, ' ', "ATOM", "P") +
      "TER\n" + atom(" CA", ' ', "GLY", 'C', 1, 5) + atom(" CA", ' ', "SER", 'C', 2, 9) + "TER\n" +
      atom(" O", ' ', "HOH", 'W', 1, 7, 1, ' ', "HETATM", "O") +
      atom(" C1", ' ', "NAG", 'L', 1, 8, 1, ' ', "HETATM") + "END\n");
  ASSERT_EQ(content.chains.size(), 1u);
  ASSERT_EQ(content.refusals.size(), 4u);
  const char* expected[4][2] = {{"B", "nucleic acid"},
                                {"C", "only CA atoms"},
                                {"W", "no protein, only water"},
                                {"L", "no protein, only ligands"}};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(content.refusals[static_cast<std::size_t>(i)].id, expected[i][0]);
    EXPECT_EQ(content.refusals[static_cast<std::size_t>(i)].reason, expected[i][1]);
  }
}

TEST(StructureFile, MmcifByLabelsWithSchemeAndUnknownB) {
  const std::string text = R"(data_TEST
loop_
_entity.id
_entity.type
1 polymer
2 water
loop_
_entity_poly.entity_id
_entity_poly.type
1 'polypeptide(L)'
loop_
_entity_poly_seq.entity_id
_entity_poly_seq.num
_entity_poly_seq.mon_id
1 1 MET
1 2 GLY
1 3 MSE
1 4 GLY
loop_
_pdbx_poly_seq_scheme.asym_id
_pdbx_poly_seq_scheme.seq_id
_pdbx_poly_seq_scheme.pdb_seq_num
_pdbx_poly_seq_scheme.pdb_ins_code
A 1 -1 .
A 2 0 .
A 3 0 A
A 4 1 .
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_alt_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_entity_id
_atom_site.label_seq_id
_atom_site.pdbx_PDB_ins_code
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.occupancy
_atom_site.B_iso_or_equiv
_atom_site.auth_seq_id
_atom_site.auth_asym_id
ATOM 1 N N . GLY A 1 2 ? 1.0 2.0 3.0 1.0 ? 0 X
ATOM 2 C CA . GLY A 1 2 ? 2.0 2.0 3.0 1.0 ? 0 X
ATOM 3 C C . GLY A 1 2 ? 3.0 2.0 3.0 1.0 ? 0 X
HETATM 4 N N . MSE A 1 3 A 4.0 2.0 3.0 1.0 1.0 0 X
HETATM 5 C CA . MSE A 1 3 A 5.0 2.0 3.0 1.0 7.5 0 X
HETATM 6 C C . MSE A 1 3 A 6.0 2.0 3.0 1.0 1.0 0 X
HETATM 7 O O . HOH B 2 . ? 9.0 2.0 3.0 1.0 1.0 9 X
)";
  const StructureContent content = read_structure(text);
  ASSERT_EQ(content.chains.size(), 1u);
  const StructureChain& chain = content.chains[0];
  EXPECT_EQ(chain.id, "X");
  EXPECT_EQ(chain.sequence, "MGMG");
  EXPECT_EQ(pattern(chain), "-++-");
  EXPECT_EQ(chain.numbers, (std::vector<std::int32_t>{-1, 0, 0, 1}));
  EXPECT_EQ(chain.insertion_codes, "  A ");
  EXPECT_TRUE(std::isnan(chain.b_factors[1]));
  EXPECT_FLOAT_EQ(chain.b_factors[2], 7.5F);
  const std::string cut = text.substr(0, text.size() - 30);
  EXPECT_NE(reason_of(cut), "");
}

TEST(StructureFile, DamagedFilesHaveAReason) {
  EXPECT_EQ(reason_of(""), "empty file");
  EXPECT_EQ(reason_of("Once upon a time there was a text that is no structure at all.\n"),
            "no atoms");
  EXPECT_EQ(reason_of("HEADER    ONLY A HEADER\nREMARK   2\nEND\n"), "no atoms");
  EXPECT_EQ(reason_of("data_x\nloop_\n_atom_site.id\n"), "no atoms");
  EXPECT_EQ(reason_of("data_x\nloop_\n_atom_site.id\n'1\n"), "line:4:3: unterminated 'string'");
  EXPECT_EQ(reason_of("{\"data_x\": 1, \"some\": \"json\"}"), "neither PDB nor mmCIF");
  const std::string whole = read_file("1CRN.cif.gz");
  EXPECT_EQ(reason_of(whole.substr(0, whole.size() / 2)), "gzip data are cut short");
  EXPECT_EQ(reason_of(whole.substr(0, whole.size() - 4)), "gzip data are cut short");
  for (const std::size_t place : {whole.size() / 3, whole.size() / 2, whole.size() - 6}) {
    std::string damaged = whole;
    damaged[place] = static_cast<char>(damaged[place] ^ 16);
    EXPECT_NE(reason_of(damaged), "") << place;
  }
  EXPECT_EQ(reason_of("\x1f\x8b"), "gzip data are cut short");
}

TEST(StructureFile, GzipOfSeveralMembers) {
  const std::string part = read_file("1CRN.cif.gz");
  EXPECT_EQ(data::gunzip(part + part), data::gunzip(part) + data::gunzip(part));
}

struct Expected {
  const char* file;
  const char* chain;
  std::size_t residues, complete;
  std::int32_t first, last;  // numbers of the first and last residue with coordinates
};

/// Original files; the numbers were counted by another reader, missing ends by REMARK 465.
TEST(StructureFile, OriginalFiles) {
  const Expected all[] = {
      {"103l.cif.gz", "A", 167, 159, 1, 162}, {"103l.pdb.gz", "A", 167, 159, 1, 162},
      {"1TPK.pdb.gz", "A", 88, 88, -3, 82},   {"1TPK.pdb.gz", "B", 88, 88, -3, 82},
      {"1TPK.pdb.gz", "C", 88, 88, -3, 82},   {"4zey.cif.gz", "A", 84, 84, 0, 86},
      {"1d66.pdb.gz", "A", 66, 57, 8, 64},    {"1d66.pdb.gz", "B", 66, 57, 8, 64},
      {"1CRN.cif.gz", "A", 46, 46, 1, 46},    {"4a10_short.cif.gz", "A", 100, 99, 1, 99},
  };
  for (const Expected& expected : all) {
    const StructureContent content = read_structure(read_file(expected.file));
    const StructureChain* chain = nullptr;
    for (const StructureChain& candidate : content.chains)
      if (candidate.id == expected.chain) chain = &candidate;
    ASSERT_TRUE(chain) << expected.file;
    const std::string complete = pattern(*chain);
    EXPECT_EQ(chain->length(), expected.residues) << expected.file;
    EXPECT_EQ(std::count(complete.begin(), complete.end(), '+'),
              static_cast<std::ptrdiff_t>(expected.complete))
        << expected.file;
    EXPECT_EQ(chain->numbers[complete.find('+')], expected.first) << expected.file;
    EXPECT_EQ(chain->numbers[complete.rfind('+')], expected.last) << expected.file;
  }
}

TEST(StructureFile, BothFormatsOfAnEntryAgree) {
  const StructureChain cif = read_structure(read_file("103l.cif.gz")).chains.at(0);
  const StructureChain pdb = read_structure(read_file("103l.pdb.gz")).chains.at(0);
  EXPECT_EQ(cif.sequence, pdb.sequence);
  EXPECT_EQ(pattern(cif), pattern(pdb));
  for (std::size_t i = 0; i < cif.coordinates.size(); ++i)
    EXPECT_TRUE(cif.coordinates[i] == pdb.coordinates[i] || std::isnan(cif.coordinates[i])) << i;
  for (std::size_t i = 0; i < cif.length(); ++i) {
    if (!cif.is_complete(i)) continue;
    EXPECT_EQ(cif.numbers[i], pdb.numbers[i]);
    EXPECT_EQ(cif.insertion_codes[i], pdb.insertion_codes[i]);
  }
}

TEST(StructureFile, FilesWithCaAtomsOnly) {
  for (const char* name : {"1lzh.pdb.gz", "pdb1gdr.ent"}) {
    const StructureContent content = read_structure(read_file(name));
    EXPECT_TRUE(content.chains.empty()) << name;
    ASSERT_FALSE(content.refusals.empty()) << name;
    EXPECT_EQ(content.refusals[0].reason, "only CA atoms") << name;
  }
}

}  // namespace
