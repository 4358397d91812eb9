// The table of splits, clusters and labels.
#include "data/chain_table.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "data/sha256.hpp"

namespace {

using namespace jespr;
using data::parse_chain_table;
using data::Split;

std::string problem_of(const std::string& text) {
  try {
    parse_chain_table(text, "t.tsv", Split::train);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::data);
    return error.what();
  }
  return "";
}

TEST(ChainTable, ColumnsInAnyOrder) {
  const data::ChainTable table = parse_chain_table(
      "cath\tname\tcluster30\tsplit\tec\r\n3.40;2.10\ta_A\t17\tval\t\r\n\tb_B\t\ttest\t1.1.1.1\n",
      "t.tsv", Split::train);
  EXPECT_EQ(table.label_columns, (std::vector<std::string>{"cath", "ec"}));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(table.rows.at("a_A").split, Split::validation);
  EXPECT_EQ(table.rows.at("a_A").cluster, 17);
  EXPECT_EQ(table.rows.at("a_A").labels, (std::vector<std::string>{"3.40;2.10", ""}));
  EXPECT_EQ(table.rows.at("b_B").split, Split::test);
  EXPECT_EQ(table.rows.at("b_B").cluster, data::no_cluster);
}

TEST(ChainTable, DefaultSplitWithoutTheColumn) {
  EXPECT_EQ(parse_chain_table("name\nx\n", "t.tsv", Split::validation).rows.at("x").split,
            Split::validation);
}

TEST(ChainTable, MistakesNameTheLine) {
  EXPECT_EQ(problem_of(""), "t.tsv: the table is empty");
  EXPECT_EQ(problem_of("chain\tsplit\n"), "t.tsv:1: the header line needs one column 'name'");
  EXPECT_EQ(problem_of("name\tsplit\nx\ttrain\ny\n"), "t.tsv:3: 1 columns, the header has 2");
  EXPECT_EQ(problem_of("name\tsplit\nx\tdev\n"),
            "t.tsv:2: split is 'dev', expected train, validation or test");
  EXPECT_EQ(problem_of("name\tcluster30\nx\t1e3\n"),
            "t.tsv:2: cluster30 is '1e3', expected a number >= 0 or nothing");
  EXPECT_EQ(problem_of("name\nx\nx\n"), "t.tsv:3: chain 'x' has a row already");
}

TEST(Sha256, PublishedExample) {  // FIPS 180-4, example of NIST
  EXPECT_EQ(data::sha256("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
