// Selections of chains and residues, missing residues, filters.
#include "data/chain_choice.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.hpp"

namespace {

using namespace jespr;
using data::parse_selection;
using data::StructureChain;
using data::StructureContent;

constexpr float missing = std::numeric_limits<float>::quiet_NaN();

/// A chain of residues as "number code letter"; number '-' for a missing one without number.
StructureChain chain(const std::string& id, const std::vector<std::string>& residues) {
  StructureChain made;
  made.id = id;
  for (const std::string& residue : residues) {
    const bool is_missing = residue[0] == '?';
    made.sequence += residue.back();
    made.insertion_codes += is_missing ? ' ' : residue[residue.size() - 2];
    made.numbers.push_back(is_missing ? data::no_number : std::stoi(residue));
    made.coordinates.insert(made.coordinates.end(), 9, is_missing ? missing : 1.0F);
    made.b_factors.push_back(is_missing ? missing : 50.0F);
    made.confidence.push_back(is_missing ? 0.0F : 0.5F);
  }
  return made;
}

std::string selected(const std::string& selection) {
  StructureContent content;
  content.chains = {
      chain("A", {"-2 A", "-1 C", "?D", "1 E", "1AF", "1BG", "2 H", "?I", "?K", "5 L", "?M"}),
      chain("B", {"1 W"})};
  content.refusals = {{"C", "nucleic acid"}, {"D", "only water"}};
  data::select(content, parse_selection(selection));
  if (!content.refusals.empty()) return content.refusals.front().reason;
  return content.chains.front().sequence;
}

TEST(ChainChoice, Selections) {
  EXPECT_EQ(selected("A"), "ACDEFGHIKLM");
  EXPECT_EQ(selected("B"), "W");
  EXPECT_EQ(selected("A:-2-5"), "ACDEFGHIKL");
  EXPECT_EQ(selected("A:-2--1"), "AC");
  EXPECT_EQ(selected("A:-1"), "C");
  EXPECT_EQ(selected("A:1-1A"), "EF");
  EXPECT_EQ(selected("A:1A-1A"), "F");
  EXPECT_EQ(selected("A:1B-9"), "GHIKL");
  EXPECT_EQ(selected("A:-2,1B,5"), "AGL");
  EXPECT_EQ(selected("A:2-2,5-5"), "HL");  // what is missing between two ranges is in neither
  EXPECT_EQ(selected("A:-1-1"), "CDE");
  EXPECT_EQ(selected("C"), "nucleic acid");
  EXPECT_EQ(selected("Z"), "the file has no such chain; it has A B");
  EXPECT_EQ(selected("A:1-2,10-20,30"),
            "no residue is numbered in 10-20,30; the rest of 1-2,10-20,30 was read");
  EXPECT_EQ(selected("A:10-20"), "no residue of 10-20 has N, CA and C");
}

/// A chain is named as the report shows it, too.
TEST(ChainChoice, IdsAsTheReportShowsThem) {
  const auto content = [] {
    StructureContent made;
    made.chains = {chain("", {"1 A", "2 C"}), chain("A B", {"1 D"}), chain("C D", {"1 E"}),
                   chain("C_D", {"1 F"})};
    return made;
  };
  const auto letters = [&](const std::string& selection) {
    StructureContent made = content();
    data::select(made, parse_selection(selection));
    return made.chains.empty() ? made.refusals.at(0).reason : made.chains.at(0).sequence;
  };
  EXPECT_EQ(letters("-"), "AC");
  EXPECT_EQ(letters("-:2-5"), "C");
  EXPECT_EQ(letters("A_B"), "D");
  EXPECT_EQ(letters("A B"), "D");
  EXPECT_EQ(letters("C_D"), "F");  // the id itself first
  EXPECT_EQ(letters("Z"), "the file has no such chain; it has - A_B C_D C_D");
}

TEST(ChainChoice, RangesThatAreNotThereLeaveTheRest) {
  StructureContent content;
  content.chains = {chain("B", {"5 A", "6 C", "7 D"})};
  data::select(content, parse_selection("B:5-6,500-600"));
  EXPECT_EQ(content.chains.at(0).sequence, "AC");
  EXPECT_EQ(content.refusals.at(0).id, "B");
  EXPECT_EQ(content.refusals.at(0).reason,
            "no residue is numbered in 500-600; the rest of 5-6,500-600 was read");
}

TEST(ChainChoice, SelectionsThatAreNone) {
  for (const char* text : {"", ":1-2", "A:", "A:x", "A:1-", "A:5-2", "A:1-2,", "A:1..2", "A:1-2 3",
                           "A:-", "A:1--", "A:99999999999"}) {
    try {
      parse_selection(text);
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::data);
      EXPECT_NE(std::string(error.what()).find("expected CHAIN or CHAIN:FIRST-LAST"),
                std::string::npos);
    }
  }
}

TEST(ChainChoice, MissingResiduesLeftOut) {
  StructureChain made = chain("A", {"?A", "1 C", "?D", "4 E", "?F"});
  made.coordinates[9] = missing;  // one coordinate of residue 1: it stays
  data::drop_missing(made);
  EXPECT_EQ(made.sequence, "CE");
  EXPECT_EQ(made.numbers, (std::vector<std::int32_t>{1, 4}));
  EXPECT_EQ(made.insertion_codes, "  ");
  EXPECT_EQ(made.coordinates.size(), 18u);
  EXPECT_EQ(made.b_factors, (std::vector<float>{50, 50}));
  EXPECT_EQ(made.confidence, (std::vector<float>{0.5F, 0.5F}));
}

TEST(ChainChoice, Filters) {
  const StructureChain made = chain("A", {"1 A", "2 C", "?D", "4 E"});
  const auto objection = [&](auto&& change, float resolution = missing) {
    data::ChainFilter filter;
    change(filter);
    return data::filter_objection(filter, made, resolution);
  };
  EXPECT_EQ(objection([](auto&) {}), "");
  EXPECT_EQ(objection([](auto& f) { f.min_length = 4; }), "");
  EXPECT_EQ(objection([](auto& f) { f.min_length = 5; }), "4 residues, min_length is 5");
  EXPECT_EQ(objection([](auto& f) { f.max_length = 3; }), "4 residues, max_length is 3");
  EXPECT_EQ(objection([](auto& f) { f.min_completeness = 0.75; }), "");
  EXPECT_EQ(objection([](auto& f) { f.min_completeness = 0.8; }),
            "75.0 % complete, min_completeness is 80.0 %");
  EXPECT_EQ(objection([](auto& f) { f.max_resolution = 2; }, 2.0F), "");
  EXPECT_EQ(objection([](auto& f) { f.max_resolution = 2; }, 2.5F),
            "resolution 2.50 Angstrom, max_resolution is 2.00");
  EXPECT_EQ(objection([](auto& f) { f.max_resolution = 2; }), "");  // unknown
  EXPECT_EQ(objection([](auto& f) { f.min_plddt = 50; }), "");
  EXPECT_EQ(objection([](auto& f) { f.min_plddt = 70; }), "mean pLDDT 50.0, min_plddt is 70.0");
}

}  // namespace
