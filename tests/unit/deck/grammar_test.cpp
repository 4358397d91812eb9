// The namelist grammar: what each form means, and that no text whatever makes it fail.
#include "deck/grammar.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <sstream>
#include <string>

namespace jespr::deck {
namespace {

/// The document in one line: &group key=items; items as written, null as _, texts in < >.
std::string sketch(const Document& document) {
  std::ostringstream text;
  for (const Block& block : document.blocks) {
    text << "&" << block.name;
    for (const Assignment& a : block.assignments) {
      text << " " << a.key;
      if (a.section) {
        text << "(" << a.section->first << ":";
        if (a.section->last) text << *a.section->last;
        text << ")";
      }
      const char* separator = "=";
      for (const Item& item : a.items) {
        text << separator;
        separator = ",";
        if (item.kind == Item::Kind::null) text << "_";
        if (item.kind == Item::Kind::quoted) text << "<" << item.text << ">";
        if (item.kind == Item::Kind::word || item.kind == Item::Kind::shell) text << item.text;
      }
      if (a.items.empty()) text << separator;
    }
    text << "/";
  }
  for (const Mistake& mistake : document.mistakes) {
    text << "\n" << to_string(mistake.place) << ": " << mistake.what;
  }
  return text.str();
}

std::string sketch(const std::string& text) { return sketch(parse(text, "d")); }

TEST(Grammar, groups_and_separators) {
  EXPECT_EQ(sketch("&run a=1/"), "&run a=1/");
  EXPECT_EQ(sketch("&RUN A=1, b = 2 c=3\n,d\n=\n4 /"), "&run a=1 b=2 c=3 d=4/");
  EXPECT_EQ(sketch("&run a=1 &end &Two b=2 &END"), "&run a=1/&two b=2/");
  EXPECT_EQ(sketch("&run a=1 /&two b=2/!x\n"), "&run a=1/&two b=2/");
  EXPECT_EQ(sketch("\xEF\xBB\xBF&run\r\na=1\r\n/\r\n"), "&run a=1/");
  EXPECT_EQ(sketch("&run /"), "&run/");
  EXPECT_EQ(sketch(""), "");
}

TEST(Grammar, comments_end_with_their_line) {
  EXPECT_EQ(sketch("! &no a=1 /\n&run ! x /\n a = 1!,2\n , 3 ! 'open\n/ ! end"), "&run a=1,3/");
  EXPECT_EQ(sketch("&run a = 'x!y' /"), "&run a=<x!y>/");
}

TEST(Grammar, texts) {
  EXPECT_EQ(sketch("&r a='it''s' b=\"say \"\"x\"\"\" c='\"' d='' e='/&' /"),
            "&r a=<it's> b=<say \"x\"> c=<\"> d=<> e=</&>/");
  EXPECT_EQ(sketch("&r a='x''' , '''' /"), "&r a=<x'>,<'>/");
}

TEST(Grammar, arrays_repeats_and_nulls) {
  EXPECT_EQ(sketch("&r a=1,2 3\n4 /"), "&r a=1,2,3,4/");
  EXPECT_EQ(sketch("&r a=3*0.1, 2*'x' 2* b=1 /"), "&r a=0.1,0.1,0.1,<x>,<x>,_,_ b=1/");
  EXPECT_EQ(sketch("&r a=1,,3, b=,2 c= d=,/"), "&r a=1,_,3 b=_,2 c= d=_/");
  EXPECT_EQ(sketch("&r a(3)=1 b( 2 : 4 )=1 2 3 c(2:)=1 d(:2)=1 2 e(:)=1 /"),
            "&r a(3:3)=1 b(2:4)=1,2,3 c(2:)=1 d(1:2)=1,2 e(1:)=1/");
}

TEST(Grammar, values_that_look_like_keys) {
  EXPECT_EQ(sketch("&r a=T b = F, T c=t /"), "&r a=T b=F,T c=t/");
  EXPECT_EQ(sketch("&r a=T ! x\n (1) = 2 /"), "&r a= t(1:1)=2/");
}

TEST(Grammar, places_are_lines) {
  const Document document = parse("\n&run\n  a = 1\n  b = 2 /\n&two c=1 /", "x.deck");
  ASSERT_EQ(document.blocks.size(), 2U);
  EXPECT_EQ(to_string(document.blocks[0].place), "x.deck:2");
  EXPECT_EQ(document.blocks[0].assignments[0].place.line, 3);
  EXPECT_EQ(document.blocks[0].assignments[1].place.line, 4);
  EXPECT_EQ(document.blocks[1].place.line, 5);
}

TEST(Grammar, mistakes_are_named_and_the_rest_is_read) {
  EXPECT_EQ(sketch("&run a=1\n&two b=2 /"),
            "&run a=1/&two b=2/\nd:1: &run is not closed before line 2; a / must end it");
  EXPECT_EQ(sketch("&run a=1"), "&run a=1/\nd:1: &run is not closed; a / must end it");
  EXPECT_EQ(sketch("run a=1\nb=2 /\n&two c=3 /"),
            "&two c=3/\nd:1: text outside of a group: 'run a=1'; groups are &name ... /, comments "
            "begin with !");
  EXPECT_EQ(sketch("& run a=1 /"),
            "&run a=1/\nd:1: the name of a group must follow & at once, as in &run");
  EXPECT_EQ(sketch("&end"), "\nd:1: &end without a group before it");
  EXPECT_EQ(sketch("&r a 1, b=2 /"),
            "&r a= b=2/\nd:1: &r a: expected = after the key, found '1, b=2 /'");
  EXPECT_EQ(sketch("&r 5, b=2 /"), "&r b=2/\nd:1: &r: expected key = value, found '5, b=2 /'");
  EXPECT_EQ(sketch("&r a='x\nb=2 /"), "&r a=<x> b=2/\nd:1: &r a: the text 'x has no closing quote");
  EXPECT_EQ(sketch("&r a='x /\n&s b=2 /"),
            "&r a=<x />/&s b=2/\nd:1: &r a: the text 'x / has no closing quote");
  EXPECT_EQ(sketch("&r a='x'y b=2 /"),
            "&r a=<x>,y b=2/\nd:1: &r a: expected a blank or a comma before 'y b=2 /'");
  EXPECT_EQ(sketch("&r a(0)=1 b(x)=1 c(1:9:2)=1 d(3:2)=1 /"),
            "&r a= b= c= d=/"
            "\nd:1: &r a(0): a subscript is a number from 1 or a range, as (3) or (2:4)"
            "\nd:1: &r b(x): a subscript is a number from 1 or a range, as (3) or (2:4)"
            "\nd:1: &r c(1:9:2): a subscript is a number from 1 or a range, as (3) or (2:4)"
            "\nd:1: &r d(3:2): a subscript is a number from 1 or a range, as (3) or (2:4)");
  EXPECT_EQ(sketch("&r a=0*1 b=100001*1 c=99999999999999999999*1 /"),
            "&r a= b= c=/\nd:1: &r a: a repeat count is at least 1"
            "\nd:1: &r b: more than 100000 values\nd:1: &r c: more than 100000 values");
  EXPECT_EQ(sketch("&r a=1 = 2 /"), "&r a=1,2/\nd:1: &r a: expected a value, found '= 2 /'");
  EXPECT_EQ(sketch("&r a='x\ty'\n/"), "&r a=<x>/\nd:1: &r a: a control character in the text 'x");
}

TEST(Grammar, a_path_without_quotes_does_not_end_the_group) {
  EXPECT_EQ(sketch("&r a=data/x.h5 b=/tmp/x, c=1/"), "&r a=data/x.h5 b=/tmp/x c=1/");
}

TEST(Grammar, binary_files_are_refused_at_once) {
  EXPECT_EQ(sketch(std::string("\x89HDF\0&run", 9)),
            "\nd: not a text file; a deck is a Fortran namelist (jespr --help)");
}

TEST(Grammar, overrides) {
  const auto of = [](const std::string& text) { return sketch(parse_override(text)); };
  EXPECT_EQ(of("optim.lr_peak=1e-3"), "&optim lr_peak=1e-3/");
  EXPECT_EQ(of(" Optim.Recall(2) = 7 "), "&optim recall(2:2)=7/");
  EXPECT_EQ(of("v.recall=1,,3*2,"), "&v recall=1,_,2,2,2/");
  EXPECT_EQ(of("run.name=a/b c=d"), "&run name=a/b c=d/");
  EXPECT_EQ(of("run.name='a,b', \"c\""), "&run name=<a,b>,<c>/");
  EXPECT_EQ(of("run.name="), "&run name=/");
  for (const std::string wrong : {"", "run", "run.name", "=1", "name=1", "run.=1", ".name=1",
                                  "r un.name=1", "run.na me=1", "run(1).a=1"}) {
    EXPECT_EQ(of(wrong), std::string("\ncommand line: '") + wrong + "': expected group.key=value");
  }
  EXPECT_EQ(
      of("a.b(x)=1"),
      "&a b=1/\ncommand line: a.b(x): a subscript is a number from 1 or a range, as (3) or (2:4)");
  EXPECT_EQ(of("a.b='x' / "), "&a b=<x>/\ncommand line: a.b: unexpected text '/'");
  EXPECT_EQ(of("a.b=x\ny"), "\ncommand line: a control character in 'a.b=x'");
}

const std::string whole =
    "! deck\n&run task = 'train', name = \"it''s\" /\n&optim lr=1d-3, recall(2:3) = 3*1,,2 "
    "t=.true.\n"
    " /\n&last a='x' &end\n";

TEST(Grammar, every_truncation_is_read_without_failure) {
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    const Document document = parse(whole.substr(0, n), "d");
    EXPECT_LE(document.blocks.size(), 4U);
    EXPECT_LE(document.mistakes.size(), 3U) << whole.substr(0, n);
  }
}

TEST(Grammar, random_bytes_are_read_without_failure) {
  std::mt19937 random(7);
  const std::string alphabet = "&/!='\",(:)*\n\r\t 019aTz_.+-";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    if (round % 2 == 0) {  // damage a good deck
      text = whole;
      for (int i = 0; i < 3; ++i) text[random() % text.size()] = static_cast<char>(random());
    } else {  // noise of the characters that mean something
      for (std::size_t i = random() % 60; i > 0; --i) text += alphabet[random() % alphabet.size()];
    }
    const Document document = parse(text, "d");
    for (const Mistake& mistake : document.mistakes) {
      EXPECT_GE(mistake.place.line, 0);
      EXPECT_LE(mistake.place.line, 1 + std::count(text.begin(), text.end(), '\n'));
      EXPECT_EQ(mistake.what.find('\n'), mistake.what.npos) << text;
    }
    parse_override(text);
  }
}

TEST(Grammar, a_long_deck_takes_time_in_proportion) {
  std::string text = "&run\n";
  for (int i = 0; i < 200000; ++i) text += "a = T T T 'x' ! comment\n";
  const Document document = parse(text + "/", "d");
  EXPECT_TRUE(document.mistakes.empty());
  EXPECT_EQ(document.blocks.at(0).assignments.size(), 200000U);
}

}  // namespace
}  // namespace jespr::deck
