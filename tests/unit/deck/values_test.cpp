// Words and values: whole words only, and spellings that read back exactly.
#include "deck/values.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "deck/nearest.hpp"
#include "deck/text.hpp"

namespace jespr::deck {
namespace {

TEST(Values, integers_are_whole_words_of_64_bits) {
  EXPECT_EQ(to_integer("0"), 0);
  EXPECT_EQ(to_integer("+12"), 12);
  EXPECT_EQ(to_integer("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(to_integer("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  for (const char* word : {"", "+", "-", "+-1", "1.", "1.0", "1e3", "0x10", "9223372036854775808",
                           "12a", " 1", "1 ", "1_8"}) {
    EXPECT_FALSE(to_integer(word)) << word;
  }
}

TEST(Values, reals_in_all_forms_of_fortran) {
  EXPECT_EQ(to_real("1"), 1.0);
  EXPECT_EQ(to_real("-1."), -1.0);
  EXPECT_EQ(to_real("+.5"), 0.5);
  EXPECT_EQ(to_real("1d-3"), 1e-3);
  EXPECT_EQ(to_real("1.5D+03"), 1500.0);
  EXPECT_EQ(to_real("1.e5"), 1e5);
  EXPECT_EQ(to_real("2Q2"), 200.0);
  EXPECT_EQ(to_real("1+3"), 1000.0);
  EXPECT_EQ(to_real("25-1"), 2.5);
  EXPECT_EQ(to_real("4.9406564584124654e-324"), std::numeric_limits<double>::denorm_min());
  for (const char* word : {"", ".", "+", "e5", "1e", "1e+", "1ee5", "1.2.3", "--1", "1-+3", "nan",
                           "inf", "infinity", "1e999", "1e-999", "0x1p3", "1f", "1,5", " 1"}) {
    EXPECT_FALSE(to_real(word)) << word;
  }
}

TEST(Values, logicals_are_fortrans_words_and_letters) {
  for (const char* word : {".true.", "T", "t", "TRUE", ".t", ".T.", "true", ".True"}) {
    EXPECT_EQ(to_logical(word), true) << word;
  }
  for (const char* word : {".false.", "F", "f", "False", ".F."}) {
    EXPECT_EQ(to_logical(word), false) << word;
  }
  for (const char* word :
       {"", ".", "1", "0", "yes", "no", "..true", "on", "foo", "Fred", ".truly.", "tru"}) {
    EXPECT_FALSE(to_logical(word)) << word;
  }
}

TEST(Values, reals_read_back_to_the_same_bits) {
  std::mt19937_64 random(11);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t bits = random();
    double value;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    const std::string text = to_string(Element(value));
    const std::optional<double> back = to_real(text);
    ASSERT_TRUE(back) << text;
    EXPECT_EQ(std::memcmp(&*back, &value, sizeof value), 0) << text;
  }
}

TEST(Values, canonical_spellings) {
  EXPECT_EQ(to_string(Element(100.0)), "100.0");
  EXPECT_EQ(to_string(Element(-0.0)), "-0.0");
  EXPECT_EQ(to_string(Element(1e-3)), "0.001");
  EXPECT_EQ(to_string(Element(1e300)), "1e+300");
  EXPECT_EQ(to_string(Element(0.1 + 0.2)), "0.30000000000000004");
  EXPECT_EQ(to_string(Element(true)), ".true.");
  EXPECT_EQ(to_string(Element(std::string("it's"))), "'it''s'");
  EXPECT_EQ(to_string(std::vector<Element>{std::int64_t{1}, std::int64_t{-5}}), "1, -5");
}

TEST(Text, lines_are_wrapped_at_a_hundred_columns) {
  EXPECT_EQ(wrapped("a: ", "   ", "b c"), "a: b c\n");
  EXPECT_EQ(wrapped("a", "b", ""), "a\n");
  const std::string word(48, 'x'), wide(120, 'y');
  EXPECT_EQ(wrapped("ab ", "_", word + " " + word + " " + word),
            "ab " + word + " " + word + "\n_" + word + "\n");
  EXPECT_EQ(wrapped("abcd ", "_", word + " " + word), "abcd " + word + "\n_" + word + "\n");
  EXPECT_EQ(wrapped("", "", "a " + wide + " b"), "a\n" + wide + "\nb\n");
}

TEST(Nearest, counts_edits_and_swaps) {
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("lr_peek", "lr_peak"), 1U);
  EXPECT_EQ(edit_distance("lr_paek", "lr_peak"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Nearest, far_names_are_not_offered) {
  const std::vector<std::string> names = {"lr_peak", "warmup_steps", "steps"};
  EXPECT_EQ(nearest("lr_peek", names), "lr_peak");
  EXPECT_EQ(nearest("step", names), "steps");
  EXPECT_EQ(nearest("warm", names), "warmup_steps");
  EXPECT_EQ(nearest("steps_of_the_run", names), "steps");
  EXPECT_EQ(nearest("momentum", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(100000, 'x'), names), "");
}

}  // namespace
}  // namespace jespr::deck
