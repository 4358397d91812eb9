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

TEST(StructureFile, ChosenModelOfPdb) {
  const std::string bad = "ATOM      1  N   ALA A   1     ********   2.000   3.000\n";
  const std::string text = "MODEL        1\n" + residue("ALA", 'A', 1, 0) + bad +
                           "ENDMDL\nMODEL        2\n" + residue("GLY", 'A', 1, 5) +
                           "ENDMDL\nMODEL        7\n" + residue("TRP", 'A', 1, 9) + "ENDMDL\nEND\n";
  data::StructureOptions options;
  options.model = 2;
  EXPECT_EQ(read_structure(text, options).chains.at(0).sequence, "G");
  options.model = 3;  // the third, whatever its number
  EXPECT_EQ(read_structure(text, options).chains.at(0).sequence, "W");
  for (const char* end : {"", "END\n"}) {
    options.model = 4;
    try {
      read_structure(text.substr(0, text.size() - 4) + end, options);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "model 4 was asked for, the file has 3");
    }
  }
}

TEST(StructureFile, ConfidenceFromPlddt) {
  data::StructureOptions options;
  options.plddt = true;
  // The B-factors of these are 10 + x.
  const std::string text = residue("ALA", 'A', 1, 0) + atom(" N", ' ', "GLY", 'A', 2, 3) +
                           residue("TRP", 'A', 3, 80) + "TER\n" + residue("TRP", 'B', 1, 95);
  const StructureContent content = read_structure(text, options);
  ASSERT_EQ(content.chains.size(), 1u);
  ASSERT_EQ(content.chains[0].confidence.size(), 3u);
  EXPECT_FLOAT_EQ(content.chains[0].confidence[0], 0.101F);
  EXPECT_EQ(content.chains[0].confidence[1], 0);
  EXPECT_FLOAT_EQ(content.chains[0].confidence[2], 0.901F);
  ASSERT_EQ(content.refusals.size(), 1u);
  EXPECT_EQ(content.refusals[0].reason,
            "residue 1 has 105.1 where its pLDDT should be, expected 0 to 100");
  // Given from 0 to 1.
  const StructureContent share =
      read_structure(residue("ALA", 'A', 1, -9.7) + residue("GLY", 'A', 2, -9.5), options);
  EXPECT_NEAR(share.chains.at(0).confidence[0], 0.4, 1e-6);
  EXPECT_NEAR(share.chains.at(0).confidence[1], 0.6, 1e-6);
  EXPECT_EQ(read_structure(text).chains.at(0).confidence, (std::vector<float>{1, 0, 1}));
}

TEST(StructureFile, Resolution) {
  const std::string text = residue("ALA", 'A', 1, 0);
  EXPECT_TRUE(std::isnan(read_structure(text).resolution));
  EXPECT_FLOAT_EQ(
      read_structure("REMARK   2\nREMARK   2 RESOLUTION.    1.74 ANGSTROMS.\n" + text).resolution,
      1.74F);
  EXPECT_TRUE(
      std::isnan(read_structure("REMARK   2 RESOLUTION. NOT APPLICABLE.\n" + text).resolution));
  EXPECT_FLOAT_EQ(read_structure(read_file("103l.cif.gz")).resolution, 1.9F);
  EXPECT_FLOAT_EQ(read_structure(read_file("103l.pdb.gz")).resolution, 1.9F);
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
  const StructureContent content = read_structure(
      residue("MSE", 'A', 1, 1, ' ', 1, ' ', "HETATM") + residue("SEP", 'A', 2, 2) +
      residue("SEC", 'A', 3, 3) + residue("QQ9", 'A', 4, 4) + residue("UNK", 'A', 5, 5) +
      residue("ALA", 'A', 6, 6) +
      // Known to the wwPDB's dictionary alone, also first and last of it; a
      // chromophore of three residues.
      residue("PCA", 'A', 7, 7) + residue("TRN", 'A', 8, 8) + residue("00C", 'A', 9, 9) +
      residue("ZZJ", 'A', 10, 10) + residue("CRO", 'A', 11, 11) + "TER\n" +
      atom(" O", ' ', "HOH", 'A', 7, 7, 1, ' ', "HETATM", "O") +
      atom("CA", ' ', " CA", 'A', 8, 8, 1, ' ', "HETATM", "CA"));
  ASSERT_EQ(content.chains.size(), 1u);
  EXPECT_EQ(content.chains[0].sequence, "MSUXXAQWCAX");
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

TEST(StructureFile, SeqresWithoutTrailingBlanks) {
  const StructureContent content = read_structure(
      "SEQRES   1 A   14  TRP ALA SER TRP LYS GLY VAL TRP ALA SER TRP LYS GLY\n"
      "SEQRES   2 A   14  PHE\n" +
      residue("TRP", 'A', 1, 0) + residue("ALA", 'A', 2, 4) + "TER\n");
  EXPECT_EQ(content.chains.at(0).sequence, "WASWKGVWASWKGF");
  EXPECT_EQ(pattern(content.chains.at(0)), "++------------");
}

TEST(StructureFile, RecordsThatAreNotReadDoNoHarm) {
  const std::string text = residue("ALA", 'A', 1, 0) + residue("GLY", 'A', 2, 4);
  EXPECT_EQ(reason_of("REMARK\nSSBOND   1 CYS A    1    CYS A\nLINK\nANISOU\n" + text + "LINK" +
                      std::string(70, 'i') + "\nANISOU\nANISOU\n"),
            "");
}

TEST(StructureFile, PlacesByNumbersWhereSeveralFitTheLetters) {
  const std::string seqres =
      "SEQRES   1 A    9  GLY GLY GLY GLY SER GLY GLY GLY GLY                          \n";
  const StructureContent content =
      read_structure(seqres + residue("GLY", 'A', 103, 0) + residue("GLY", 'A', 104, 4) +
                     residue("GLY", 'A', 107, 20) + "TER\n");
  EXPECT_EQ(pattern(content.chains.at(0)), "-++--+---");  // 1 and 2 are not: 5 is no GLY
  // One residue is not as SEQRES says; numbers still decide among the places that are equally good.
  std::string mutant =
      residue("ALA", 'A', 103, 0) + residue("GLY", 'A', 104, 4) + residue("SER", 'A', 105, 8);
  for (int number = 106; number <= 112; ++number) mutant += residue("GLY", 'A', number, number);
  const std::string longer =
      "SEQRES   1 A   14  GLY GLY GLY GLY SER GLY GLY GLY GLY GLY GLY GLY GLY          \n"
      "SEQRES   2 A   14  GLY                                                          \n";
  EXPECT_EQ(read_structure(longer + mutant + "TER\n").chains.at(0).sequence, "GGAGSGGGGGGGGG");
  // Numbers that do not run along with SEQRES are of no use.
  const StructureContent jump = read_structure(
      "SEQRES   1 A    6  ALA TRP HIS LYS PHE VAL                                     \n" +
      residue("ALA", 'A', 1, 0) + residue("TRP", 'A', 2, 3.8) + residue("HIS", 'A', 103, 7.6) +
      residue("LYS", 'A', 104, 11.4) + "TER\n");
  EXPECT_EQ(pattern(jump.chains.at(0)), "++++--");
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

TEST(StructureFile, ModelsAndLabelsOfMmcif) {
  const std::string text = R"(data_TEST
loop_
_entity.id
_entity.type
1 polymer
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.auth_asym_id
_atom_site.auth_seq_id
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
_atom_site.pdbx_PDB_model_num
_atom_site.label_seq_id
_atom_site.label_entity_id
ATOM 1 N N ALA A X 1 1.0 2.0 3.0 5 1 1
ATOM 2 C CA ALA A X 1 2.0 2.0 3.0 5 1 1
ATOM 3 C C ALA A X 1 3.0 2.0 3.0 5 1 1
ATOM 4 N N GLY B X 2 4.0 2.0 3.0 5 2 1
ATOM 5 C CA GLY B X 2 5.0 2.0 3.0 5 2 1
ATOM 6 C C GLY B X 2 6.0 2.0 3.0 5 2 1
ATOM 7 N N TRP A X 1 wrong 2.0 3.0 9 1 1
ATOM 8 C CA TRP A X 1 8.0 2.0 3.0 9 1 1
ATOM 9 C C TRP A X 1 9.0 2.0 3.0 9 1 1
)";
  data::StructureOptions options;
  EXPECT_EQ(read_structure(text, options).chains.at(0).id, "X");
  EXPECT_EQ(read_structure(text, options).chains.at(0).sequence, "AG");
  options.label_ids = true;
  const StructureContent labelled = read_structure(text, options);
  ASSERT_EQ(labelled.chains.size(), 2u);
  EXPECT_EQ(labelled.chains[0].id + labelled.chains[0].sequence, "AA");
  EXPECT_EQ(labelled.chains[1].id + labelled.chains[1].sequence, "BG");
  EXPECT_EQ(labelled.chains[1].numbers, (std::vector<std::int32_t>{2}));
  const auto reason = [&](int model) {
    options.model = model;
    try {
      read_structure(text, options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(reason(2), "_atom_site.Cartn_x of atom 7 is wrong, expected a number or ?");
  EXPECT_EQ(reason(3), "model 3 was asked for, the file has 2");
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

/// `text` with what stands from `column` (counted from 1) on in a line replaced.
std::string changed(std::string text, int line, std::size_t column, const std::string& by) {
  std::size_t begin = 0;
  for (; line > 1; --line) begin = text.find('\n', begin) + 1;
  return text.replace(begin + column - 1, by.size(), by);
}

TEST(StructureFile, CoordinatesOfPdbAreNumbers) {
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

TEST(StructureFile, AbsentColumnsOfPdb) {
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

TEST(StructureFile, ColumnsThatMmcifMayLack) {
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

TEST(StructureFile, CoordinatesOfMmcifAreNumbersOrUnknown) {
  for (const char* bad : {"1.0x0", "********", "nan", "1e300"})
    EXPECT_EQ(reason_of(mmcif(bad)),
              std::string("_atom_site.Cartn_x of atom 4 is ") + bad + ", expected a number or ?");
  for (const char* good : {"?", ".", "1.5(2)", "-1"}) EXPECT_EQ(reason_of(mmcif(good)), "") << good;
}

TEST(StructureFile, GzipThatUnpacksToTooMuch) {
  const std::string packed = read_file("1CRN.cif.gz");
  const std::size_t bytes = data::gunzip(packed, 1 << 30).size();
  EXPECT_EQ(data::gunzip(packed, bytes).size(), bytes);
  try {
    data::gunzip(packed, bytes - 1);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::data);
    EXPECT_EQ(error.what(), "gzip data unpack to more than the " + std::to_string(bytes - 1) +
                                " bytes that a structure may have");
  }
}

TEST(StructureFile, GzipOfSeveralMembers) {
  const std::string part = read_file("1CRN.cif.gz");
  const std::string content = data::gunzip(part, data::largest_structure_bytes);
  EXPECT_EQ(data::gunzip(part + part, data::largest_structure_bytes), content + content);
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
