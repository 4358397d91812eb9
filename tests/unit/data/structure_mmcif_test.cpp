// Structure files: what is particular to mmCIF.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/error.hpp"
#include "data/structure_file.hpp"
#include "unit/data/structure_lines.hpp"

namespace {

using namespace jespr;
using namespace jespr::data;

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

/// mmCIF of residues ALA with N, CA and C: label_seq_id, auth_seq_id, auth_asym_id, model.
std::string short_mmcif(const std::vector<std::array<const char*, 4>>& residues,
                        const std::string& more = "") {
  std::string text = "data_x\n" + more + "loop_\n";
  for (const char* column : {"group_PDB", "id", "type_symbol", "label_atom_id", "label_comp_id",
                             "label_asym_id", "label_entity_id", "Cartn_x", "Cartn_y", "Cartn_z",
                             "label_seq_id", "auth_seq_id", "auth_asym_id", "pdbx_PDB_model_num"})
    text += std::string("_atom_site.") + column + "\n";
  int id = 0;
  for (const auto& [label, number, chain, model] : residues)
    for (const char* name : {"N", "CA", "C"})
      text += "ATOM " + std::to_string(++id) + " " + name[0] + " " + name +
              " ALA L 1 1.0 2.0 3.0 " + label + " " + number + " " + chain + " " + model + "\n";
  return text;
}

TEST(StructureFile, SequencesOfEntitiesThatAreNotListed) {
  std::string sequence =
      "loop_\n_entity_poly_seq.entity_id\n_entity_poly_seq.num\n_entity_poly_seq.mon_id\n";
  for (int place = 1; place <= 5; ++place) sequence += "1 " + std::to_string(place) + " ALA\n";
  for (const std::string entities :
       {"", "loop_\n_entity.id\n1\n", "loop_\n_entity.id\n_entity.type\n2 water\n"}) {
    const StructureContent content = read_structure(
        short_mmcif({{"2", "7", "A", "1"}, {"3", "8", "A", "1"}}, entities + sequence));
    EXPECT_EQ(pattern(content.chains.at(0)), "-++--") << entities;
    EXPECT_EQ(content.chains.at(0).note, "");
  }
  // Of another entity.
  std::string other = sequence;
  for (std::size_t at = 0; (at = other.find("\n1 ", at)) != std::string::npos;) other[at + 1] = '4';
  const StructureContent content =
      read_structure(short_mmcif({{"2", "7", "A", "1"}, {"3", "8", "A", "1"}}, other));
  EXPECT_EQ(content.chains.at(0).sequence, "AA");
  EXPECT_EQ(content.chains.at(0).note,
            "nothing says which entity the chain is: entity_poly_seq was not used");
}

TEST(StructureFile, IdsThatMmcifDoesNotGive) {
  for (const char* unknown : {"?", "."}) {
    const StructureContent content = read_structure(
        short_mmcif({{"2", unknown, unknown, unknown}, {"3", "8", unknown, unknown}}));
    ASSERT_EQ(content.chains.size(), 1u);
    EXPECT_EQ(content.chains[0].id, "L");
    EXPECT_EQ(content.chains[0].sequence, "AA");
    EXPECT_EQ(content.chains[0].numbers, (std::vector<std::int32_t>{2, 8}));
  }
  EXPECT_EQ(reason_of(short_mmcif({{"1", "1", "A", "1"}, {".", "?", "A", "1"}})),
            "_atom_site.auth_seq_id of atom 4 is ?, expected a whole number, or one in "
            "label_seq_id");
  for (const char* number : {"9999999999", "x", "1.5"}) {
    EXPECT_EQ(
        reason_of(short_mmcif({{"1", number, "A", "1"}})),
        std::string("_atom_site.auth_seq_id of atom 1 is ") + number + ", expected a whole number");
    EXPECT_EQ(reason_of(short_mmcif({{number, "1", "A", "1"}})),
              std::string("_atom_site.label_seq_id of atom 1 is ") + number +
                  ", expected a whole number or '.'");
  }
}

}  // namespace
