// Structure files: ordinary and awkward ones, and original ones of the PDB.
#include "data/structure_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "data/gzip.hpp"
#include "unit/data/structure_lines.hpp"

namespace {

using namespace jespr;
using namespace jespr::data;

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
  EXPECT_FLOAT_EQ(read_structure(read_original("103l.cif.gz")).resolution, 1.9F);
  EXPECT_FLOAT_EQ(read_structure(read_original("103l.pdb.gz")).resolution, 1.9F);
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

/// A mutant whose atoms stand behind those of all other residues.
TEST(StructureFile, AlternativesInALaterBlock) {
  std::string text = residue("ALA", 'A', 1, 0);
  for (const int number : {2, 3}) text += residue("GLY", 'A', number, 4 * number, 'A', 0.2);
  text += residue("SER", 'A', 4, 16);
  for (const int number : {2, 3}) text += residue("TRP", 'A', number, 40 * number, 'B', 0.8);
  const StructureContent content = read_structure(text + "TER\n");
  ASSERT_EQ(content.chains.size(), 1u);
  EXPECT_EQ(content.chains[0].sequence, "AWWS");
  EXPECT_EQ(content.chains[0].numbers, (std::vector<std::int32_t>{1, 2, 3, 4}));
  EXPECT_FLOAT_EQ(x_of_ca(content.chains[0], 1), 80.1F);
}

TEST(StructureFile, NumberMinus999IsANumber) {
  const StructureContent content = read_structure(
      "SEQRES   1 A    4  TRP ALA GLY SER                                              \n" +
      residue("ALA", 'A', -999, 0) + residue("GLY", 'A', -998, 4) + "TER\n");
  EXPECT_EQ(content.chains.at(0).numbers,
            (std::vector<std::int32_t>{no_number, -999, -998, no_number}));
}

/// Force fields name residues by their protonation, also where the PDB has that name for another.
TEST(StructureFile, NamesOfProtonatedResidues) {
  const auto with = [](const char* name, int number, const char* last, const char* record) {
    return residue(name, 'A', number, 4.0 * number, ' ', 1, ' ', record) +
           (last ? atom(last, ' ', name, 'A', number, 4.0 * number + 1, 1, ' ', record) : "");
  };
  std::string text;
  int number = 0;
  for (const char* name : {"HID", "HIE", "HIP", "CYX", "CYM", "ASH", "GLH", "LYN", "HSD", "HSP"})
    text += with(name, ++number, nullptr, "ATOM");
  text += with("HSE", 11, " NE2", "ATOM") + with("HSE", 12, " OD", "ATOM") +
          with("HSE", 13, nullptr, "ATOM") + with("HSE", 14, nullptr, "HETATM") +
          with("HSE", 15, " NE2", "HETATM") + with("GLH", 16, " OE2", "HETATM") +
          with("GLH", 17, " NE2", "ATOM");
  EXPECT_EQ(read_structure(text + "TER\n").chains.at(0).sequence, "HHHCCDEKHHHSHSHEQ");
  // The names of SEQRES are the standard ones.
  const StructureContent content = read_structure(
      "SEQRES   1 A    4  TRP HIS CYS SER                                              \n" +
      residue("HID", 'A', 2, 0) + residue("CYX", 'A', 3, 4) + "TER\n");
  EXPECT_EQ(content.chains.at(0).sequence, "WHCS");
}

/// Without the column of elements "HE2 " looks like helium; GROMACS names the oxygens of the last
/// residue OC1 and OC2.
TEST(StructureFile, ProtonatedResiduesWithoutElements) {
  constexpr std::size_t before_elements = 66;
  for (const char* name :
       {"HB2", "HA", "HN", "HE2", "1HB", " HB2", "HD11", "D", "2DB", " OC1", " OC2"}) {
    const std::string text = residue("HID", 'A', 1, 0) + atom(" NE2", ' ', "HID", 'A', 1, 1) +
                             atom(name, ' ', "HID", 'A', 1, 2);
    std::string cut;
    for (std::size_t begin = 0; begin < text.size(); begin = text.find('\n', begin) + 1)
      cut += text.substr(begin, before_elements) + "\n";
    EXPECT_EQ(read_structure(cut + "TER\n").chains.at(0).sequence, "H") << name;
  }
}

TEST(StructureFile, ByteOrderMark) {
  const std::string mark = "\xef\xbb\xbf";
  const std::string text = residue("ALA", 'A', 1, 0);
  EXPECT_EQ(pattern(read_structure(mark + text).chains.at(0)), "+");
  const StructureContent content = read_structure(read_original("4a10_short.cif.gz"));
  const StructureContent marked =
      read_structure(mark + gunzip(read_original("4a10_short.cif.gz"), largest_structure_bytes));
  EXPECT_EQ(marked.chains.at(0).sequence, content.chains.at(0).sequence);
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
    const StructureContent content = read_structure(read_original(expected.file));
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
  const StructureChain cif = read_structure(read_original("103l.cif.gz")).chains.at(0);
  const StructureChain pdb = read_structure(read_original("103l.pdb.gz")).chains.at(0);
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
    const StructureContent content = read_structure(read_original(name));
    EXPECT_TRUE(content.chains.empty()) << name;
    ASSERT_FALSE(content.refusals.empty()) << name;
    EXPECT_EQ(content.refusals[0].reason, "only CA atoms") << name;
  }
}

}  // namespace
