// TER within chains, END within files.
#include <gtest/gtest.h>

#include "data/structure_file.hpp"
#include "unit/data/structure_lines.hpp"

namespace {

using namespace jespr;
using namespace jespr::data;

TEST(ChainEnds, AminoAcidsBehindTerGoOnWithTheChain) {
  const std::string text = residue("ALA", 'A', 1, 0) + residue("GLY", 'A', 2, 4) + "TER\n" +
                           residue("TRP", 'B', 1, 50) + residue("SER", 'A', 7, 20) + "TER\n" +
                           residue("MSE", 'A', 8, 24, ' ', 1, ' ', "HETATM") +
                           residue("LYS", 'A', 9, 28) + "TER\n" +
                           // A ligand, water, a residue that is no ATOM: none of these.
                           atom(" C1", ' ', "NAG", 'A', 10, 70, 1, ' ', "HETATM") +
                           residue("ALA", 'A', 11, 80, ' ', 1, ' ', "HETATM") +
                           atom(" O", ' ', "HOH", 'A', 12, 90, 1, ' ', "HETATM", "O") + "END\n";
  const StructureContent content = read_structure(text);
  ASSERT_EQ(content.chains.size(), 2u);
  EXPECT_EQ(content.chains[0].sequence, "AGSMK");
  EXPECT_EQ(content.chains[0].numbers, (std::vector<std::int32_t>{1, 2, 7, 8, 9}));
  EXPECT_EQ(content.chains[0].note, "goes on behind TER, in line 11");
  EXPECT_EQ(content.chains[1].sequence, "W");
  EXPECT_EQ(content.chains[1].note, "");
  EXPECT_TRUE(content.refusals.empty());
}

TEST(ChainEnds, SegmentsThatDoNotGoOnAreRefused) {
  const std::string text = residue("ALA", 'A', 1, 0) + "TER\n" + residue("GLY", 'A', 2, 4) +
                           "TER\n" + residue("TRP", 'A', 1, 8) + residue("SER", 'A', 2, 12) +
                           "TER\n" + residue("LYS", 'A', 3, 16) + "END\n";
  const StructureContent content = read_structure(text);
  ASSERT_EQ(content.chains.size(), 1u);
  EXPECT_EQ(content.chains[0].sequence, "AG");
  ASSERT_EQ(content.refusals.size(), 1u);
  EXPECT_EQ(content.refusals[0].id, "A");
  EXPECT_EQ(content.refusals[0].reason,
            "3 residues behind TER, from line 9 on, are not read: their numbers do not go on "
            "increasing; give them a chain id of their own, or take the TER out if they belong to "
            "the chain");
}

/// Neither does what is no amino acid by itself, whatever ATOM records follow.
TEST(ChainEnds, NothingBehindTheLastResidueGoesOn) {
  const std::string text = residue("ALA", 'A', 1, 0) + "TER\n" + residue("GLY", 'A', 2, 4) +
                           residue("MSE", 'A', 3, 8, ' ', 1, ' ', "HETATM") +
                           residue("TRP", 'B', 1, 50) + residue("LYS", 'A', 4, 12) +
                           atom(" N", ' ', "SER", 'A', 5, 16) + "TER\n";
  const std::string modified = residue("MSE", 'A', 6, 30, ' ', 1, ' ', "HETATM"),
                    ligand = atom(" C1", ' ', "LIG", 'A', 7, 40);
  for (const std::string& end :
       {residue("ALA", 'A', 1, 20) + modified + "TER\n" + ligand, modified + ligand, modified}) {
    const StructureContent content = read_structure(text + end + "END\n");
    ASSERT_EQ(content.chains.size(), 2u);
    EXPECT_EQ(content.chains[0].sequence, "AGMKS");
  }
}

/// Of ions and ligands that stand in ATOM records some atoms are named CA.
TEST(ChainEnds, IonsAndLigandsAreNoAminoAcids) {
  for (const char chain : {'A', ' '}) {
    const StructureContent content =
        read_structure(residue("ALA", chain, 1, 0) + "TER\n" +
                       atom(" CA", ' ', " CA", chain, 2, 50, 1, ' ', "ATOM", "CA") +
                       atom(" CA", ' ', "LIG", chain, 3, 60) + "END\n");
    ASSERT_EQ(content.chains.size(), 1u);
    EXPECT_EQ(content.chains[0].sequence, "A");
    EXPECT_EQ(content.chains[0].note, "");
    EXPECT_TRUE(content.refusals.empty());
  }
}

/// A residue counts once, whichever of its alternate locations are there, and in whatever order.
TEST(ChainEnds, ResiduesOfAnyAlternateLocation) {
  const auto read = [](int first) {
    return read_structure(
        residue("ALA", 'A', 5, 0, 'A', 0.6) + residue("ALA", 'A', 5, 0.5, 'B', 0.4) + "TER\n" +
        residue("GLY", 'A', first, 4, 'B', 0.6) + "TER\n" + residue("SER", 'A', 7, 8, 'A', 0.3) +
        residue("SER", 'A', 8, 12) + residue("SER", 'A', 7, 8.5, 'C', 0.5) +
        residue("SER", 'A', 9, 16, 'A', 0.3) + residue("THR", 'A', 9, 16.5, 'B', 0.6) +
        "TER\nEND\n");
  };
  const StructureContent content = read(6);
  EXPECT_EQ(content.chains.at(0).sequence, "AGSST");
  EXPECT_TRUE(content.refusals.empty());
  EXPECT_EQ(read(4).chains.at(0).sequence, "A");
  ASSERT_EQ(read(4).refusals.size(), 1u);
  EXPECT_TRUE(read(4).refusals[0].reason.starts_with("4 residues behind TER, from line 8 on"))
      << read(4).refusals[0].reason;
}

TEST(ChainEnds, WithoutAChainIdNothingGoesOn) {
  const std::string text =
      residue("ALA", ' ', 1, 0) + "TER\n" + residue("GLY", ' ', 2, 4) + "TER\nEND\n";
  const StructureContent content = read_structure(text);
  ASSERT_EQ(content.chains.size(), 1u);
  EXPECT_EQ(content.chains[0].sequence, "A");
  ASSERT_EQ(content.refusals.size(), 1u);
  EXPECT_TRUE(content.refusals[0].reason.starts_with(
      "1 residue behind TER, from line 5 on, is not read: the chain has no id, so they may be "
      "another;"))
      << content.refusals[0].reason;
}

/// A chain has one row of the report where nothing of it is read.
TEST(ChainEnds, RefusedChainSaysBothReasons) {
  const StructureContent content =
      read_structure(atom(" P", ' ', " DG", ' ', 1, 9, 1, ' ', "ATOM", "P") + "TER\n" +
                     residue("GLY", ' ', 2, 4) + "TER\nEND\n");
  EXPECT_TRUE(content.chains.empty());
  ASSERT_EQ(content.refusals.size(), 1u);
  EXPECT_TRUE(content.refusals[0].reason.starts_with("nucleic acid; 1 residue behind TER"));
}

TEST(ChainEnds, AtomsBehindEndAreRefused) {
  const std::string first = residue("ALA", 'A', 1, 0) + "TER\nEND\n";
  const std::string models = "MODEL        1\n" + residue("ALA", 'A', 1, 0) + "ENDMDL\nEND\n";
  for (const std::string& start : {first, models}) {
    const StructureContent content =
        read_structure(start + "HEADER\n" + residue("GLY", 'B', 1, 4) + "END\n");
    ASSERT_EQ(content.chains.size(), 1u);
    ASSERT_EQ(content.refusals.size(), 1u);
    EXPECT_EQ(content.refusals[0].id, "B");
    EXPECT_EQ(content.refusals[0].reason,
              std::string("line ") + (start == first ? "7" : "8") +
                  " is an atom behind END, and so is not read, nor what follows: a file holds one "
                  "structure; make each a file");
  }
  EXPECT_TRUE(read_structure(first + "\n").refusals.empty());
}

}  // namespace
