// Classes that a label makes of chains: parts of labels, chains of several labels, what is refused.
#include "data/label_classes.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace {

using namespace jespr;
using namespace jespr::data;

TEST(LabelClasses, AClassIsTheFirstPartsOfALabel) {
  EXPECT_EQ(class_name("a.1.12.2", 1), "a");
  EXPECT_EQ(class_name("a.1.12.2", 3), "a.1.12");
  EXPECT_EQ(class_name("a.1.12.2", 4), "a.1.12.2");
  EXPECT_EQ(class_name("a.1.12.2", 5), "");
  EXPECT_EQ(class_name("PF00084", 1), "PF00084");
  EXPECT_EQ(class_name("PF00084", 2), "");
  EXPECT_EQ(class_name("", 1), "");
}

TEST(LabelClasses, APartThatIsNotThereEndsALabel) {
  EXPECT_EQ(class_name("3.4.-.-", 2), "3.4");
  EXPECT_EQ(class_name("3.4.-.-", 3), "");
  EXPECT_EQ(class_name("3.4.-.7", 4), "");
  EXPECT_EQ(class_name("3..1", 2), "");
  EXPECT_EQ(class_name("3.", 1), "3");
  EXPECT_EQ(class_name("3.", 2), "");
  EXPECT_EQ(class_name(".1", 1), "");
}

TEST(LabelClasses, ChainsOfSeveralLabelsCountWhereAllAgree) {
  EXPECT_EQ(class_name("2.60.40.10;2.60.40.30", 3), "2.60.40");
  EXPECT_EQ(class_name("2.60.40.10;2.60.40.30", 4), "");
  EXPECT_EQ(class_name("2.60.40.10;3.30.70", 1), "");
  EXPECT_EQ(class_name("a.1;a.1.1.1", 2), "a.1");
  EXPECT_EQ(class_name("a.1;a.1.1.1", 3), "") << "of one the superfamily is not known";
  EXPECT_EQ(class_name("a.1.1.1;", 4), "a.1.1.1") << "nothing stands behind the last ;";
  EXPECT_EQ(class_name("a.1;;a.1", 2), "") << "a label without parts agrees with none";
}

const std::vector<std::string> labels = {"b.2.1",      "a.10.1", "a.2.1;a.2.3", "",
                                         "a.10.1;c.1", "c.3.3",  "a.2.9"};
const std::vector<std::int64_t> training = {0, 1, 2, 3, 4};

TEST(LabelClasses, AreThoseOfTrainingInTheOrderOfNames) {
  const LabelClasses classes("scop", {1, 2}, labels, training, "x.h5");
  EXPECT_EQ(classes.names(0), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(classes.names(1), (std::vector<std::string>{"a.10", "a.2", "b.2"}));
  EXPECT_EQ(classes.sizes(), (std::vector<int>{2, 3}));
  EXPECT_EQ(classes.known(), (std::vector<std::int64_t>{3, 3}));
  EXPECT_EQ(classes.text(), "1 a\n1 b\n2 a.10\n2 a.2\n2 b.2\n");
  const ChainClasses chains = classes.of(labels);
  EXPECT_EQ(chains.of_chain, (std::vector<int>{1, 2, 0, 0, 0, 1, -1, -1, -1, -1, -1, -1, 0, 1}));
  ShardRows rows;
  rows.identity = {6, 0, 5};
  chains.add_to(rows);
  EXPECT_EQ(rows.classes, (std::vector<int>{0, 1, -1, 1, 2, -1}));
}

TEST(LabelClasses, HashOfNamesAndOfTheChainsOfTraining) {
  const auto hash = [](std::vector<std::string> changed, std::vector<int> levels) {
    return LabelClasses("scop", std::move(levels), changed, training, "x.h5").hash();
  };
  const std::int64_t wanted = hash(labels, {1, 2});
  EXPECT_NE(wanted, 0);
  EXPECT_EQ(LabelClasses().hash(), 0);
  std::vector<std::string> changed = labels;
  changed[6] = "d.1";  // a chain that is not trained on
  EXPECT_EQ(hash(changed, {1, 2}), wanted);
  std::swap(changed[0], changed[1]);  // the same classes of other chains
  EXPECT_NE(hash(changed, {1, 2}), wanted);
  EXPECT_NE(hash(labels, {1, 3}), wanted);
}

std::string refusal(std::vector<int> levels, std::vector<std::string> some) {
  try {
    const LabelClasses classes("scop", std::move(levels), some, std::vector<std::int64_t>{0, 1},
                               "x.h5");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::data);
    return error.what();
  }
  return "nothing";
}

TEST(LabelClasses, LessThanTwoOfALevelAreRefused) {
  EXPECT_EQ(
      refusal({1}, {"", "", "a"}),
      "x.h5: none of the 2 training chains has a label 'scop'; choose another &classes label, "
      "or fill that column of &prepare table");
  EXPECT_EQ(
      refusal({1}, {"a.1", "a.2", "b.1"}),
      "x.h5: label 'scop' makes one class, a, of 2 training chains at level 1; two are needed: "
      "set &classes weights(1) = 0");
  EXPECT_EQ(
      refusal({2, 3}, {"a.1", "a.2"}),
      "x.h5: label 'scop' makes no class of 2 training chains at level 3; two are needed: set "
      "&classes weights(3) = 0, or give fewer weights");
}

}  // namespace
