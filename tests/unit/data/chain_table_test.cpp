// The table of splits, clusters and labels; names of chains; their encoding; digests of files.
#include "data/chain_table.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "data/chain_names.hpp"
#include "data/sha256.hpp"
#include "data/utf8.hpp"

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

TEST(ChainTable, ClustersAreNumbersOrNames) {
  const auto clusters_of = [](const std::vector<std::string>& cells) {
    std::string text = "cluster30\tname\n";
    for (std::size_t i = 0; i < cells.size(); ++i)
      text += cells[i] + "\tp" + std::to_string(i) + "\n";
    const data::ChainTable table = parse_chain_table(text, "t.tsv", Split::train);
    std::vector<std::int32_t> clusters;
    for (std::size_t i = 0; i < cells.size(); ++i)
      clusters.push_back(table.rows.at("p" + std::to_string(i)).cluster);
    return clusters;
  };
  using Clusters = std::vector<std::int32_t>;
  EXPECT_EQ(clusters_of({"7", "", "2147483647", "007"}),
            (Clusters{7, data::no_cluster, 2147483647, 7}));
  EXPECT_EQ(clusters_of({"b_A", "a_A", "", "b_A", "1e3"}),
            (Clusters{0, 1, data::no_cluster, 0, 2}));
  EXPECT_EQ(clusters_of({"7", "C1", "007", "7"}), (Clusters{0, 1, 2, 0}));  // 7 is a name, too
  EXPECT_EQ(clusters_of({"2147483648", "5"}), (Clusters{0, 1}));            // no number of 31 bits
}

TEST(ChainTable, MistakesNameTheLine) {
  EXPECT_EQ(problem_of(""), "t.tsv: the table is empty");
  EXPECT_EQ(problem_of("chain\tsplit\tec\n"),
            "t.tsv:1: the header line needs one tab-separated column 'name'");
  EXPECT_EQ(problem_of("a_A\ta_A\na_A\tb_A\n"),
            "t.tsv:1: the header line needs one tab-separated column 'name' (two columns of "
            "MMseqs2 or Foldseek need the header cluster30, name)");
  EXPECT_EQ(problem_of("name\tsplit\nx\ttrain\ny\n"), "t.tsv:3: 1 columns, the header has 2");
  EXPECT_EQ(problem_of("name\tsplit\nx\tdev\n"),
            "t.tsv:2: split is 'dev', expected train, validation or test");
  EXPECT_EQ(problem_of("name\tcluster30\nx\tC1\ny\t-1\n"),
            "t.tsv:3: cluster30 is '-1', expected a number >= 0, a name or nothing");
  EXPECT_EQ(problem_of("name\nx\nx\n"), "t.tsv:3: chain 'x' has a row already");
}

TEST(ChainTable, TheHeaderIsChecked) {
  EXPECT_EQ(problem_of("name\tcath\tec\tcath\nx\t\t\t\n"),
            "t.tsv:1: column 4 is 'cath', as column 2 is: each needs a name of its own");
  EXPECT_EQ(problem_of("name\tname\n"),
            "t.tsv:1: column 2 is 'name', as column 1 is: each needs a name of its own");
  EXPECT_EQ(problem_of("name\t\tec\nx\t\t\n"), "t.tsv:1: column 2 of the header has no name");
  EXPECT_EQ(problem_of("name\ta/b\nx\t\n"),
            "t.tsv:1: column 2 is 'a/b'; a name may not be '.' and not hold a '/'");
  EXPECT_EQ(problem_of("name\t.\nx\t\n"),
            "t.tsv:1: column 2 is '.'; a name may not be '.' and not hold a '/'");
  EXPECT_EQ(problem_of("name\tsplit\n\ttrain\n"), "t.tsv:2: name is empty");
}

TEST(ChainTable, IsUtf8WithOrWithoutAByteOrderMark) {
  const data::ChainTable table =
      parse_chain_table("\xef\xbb\xbfname\tspecies\nx\tB\xc3\xa4r\n", "t.tsv", Split::train);
  EXPECT_EQ(table.rows.at("x").labels, std::vector<std::string>{"B\xc3\xa4r"});
  EXPECT_EQ(problem_of("name\tspecies\nx\tB\xe4r\n"), "t.tsv:2: column 2 is not UTF-8");
  EXPECT_EQ(problem_of(std::string("\xff\xfen\0a\0", 6)), "t.tsv:1: column 1 is not UTF-8");
}

TEST(Utf8, LengthOfWhatIsWellFormed) {
  using data::valid_utf8;
  EXPECT_EQ(valid_utf8(""), 0u);
  for (const char* good :
       {"abc", "\xc3\xa4", "\xe2\x82\xac.", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_EQ(valid_utf8(good), std::string(good).size()) << good;
  // Cut, Latin-1, too long a form, half a pair, beyond the last character, a lone continuation.
  for (const char* bad : {"\xc3", "\xe4r", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80"})
    EXPECT_EQ(valid_utf8(std::string("ab") + bad), 2u) << bad;
}

TEST(ChainNames, LaterBearersOfANameAreRenamed) {
  EXPECT_EQ(data::unique_names({{"a_A", "a.cif"},
                                {"a_B", "a.cif"},
                                {"a_A", "a.pdb"},
                                {"a_A", "a.pdb"},
                                {"a_A@a.pdb", "odd.cif"},
                                {"a_A", "a.pdb"},
                                {"b_A", "b.cif"}}),
            (std::vector<std::string>{"a_A", "a_B", "a_A@a.pdb", "a_A@a.pdb#2", "a_A@a.pdb@odd.cif",
                                      "a_A@a.pdb#3", "b_A"}));
}

TEST(Sha256, PublishedExample) {  // FIPS 180-4, example of NIST
  EXPECT_EQ(data::sha256("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
