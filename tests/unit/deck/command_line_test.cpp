// The command line: each mode, and one clear line for each mistake.
#include "deck/command_line.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace jespr::deck {
namespace {

using Mode = CommandLine::Mode;

CommandLine parsed(const std::vector<const char*>& words) {
  std::vector<const char*> arguments = {"jespr"};
  arguments.insert(arguments.end(), words.begin(), words.end());
  return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

TEST(CommandLine, a_deck_and_overrides) {
  const CommandLine line = parsed({"x.deck", "optim.lr_peak=1e-4", "run.name=a b"});
  EXPECT_EQ(line.mode, Mode::run);
  EXPECT_EQ(line.deck, "x.deck");
  EXPECT_EQ(line.overrides, (std::vector<std::string>{"optim.lr_peak=1e-4", "run.name=a b"}));
}

TEST(CommandLine, options_stand_before_or_behind_the_deck) {
  for (const auto& words : {std::vector<const char*>{"--check", "x.deck", "a.b=-1"},
                            std::vector<const char*>{"x.deck", "a.b=-1", "--check"}}) {
    const CommandLine line = parsed(words);
    EXPECT_EQ(line.mode, Mode::check);
    EXPECT_EQ(line.deck, "x.deck");
    EXPECT_EQ(line.overrides, std::vector<std::string>{"a.b=-1"});
  }
  EXPECT_EQ(parsed({"--dry-run", "x.deck"}).mode, Mode::dry_run);
}

TEST(CommandLine, modes_without_a_deck) {
  EXPECT_EQ(parsed({"--help"}).mode, Mode::help);
  EXPECT_EQ(parsed({"--help"}).topic, "");
  EXPECT_EQ(parsed({"-h", "optim"}).topic, "optim");
  EXPECT_EQ(parsed({"--template", "train"}).mode, Mode::template_deck);
  EXPECT_EQ(parsed({"--template", "train"}).topic, "train");
  EXPECT_EQ(parsed({"--version"}).mode, Mode::version);
  EXPECT_EQ(parsed({"--markdown"}).mode, Mode::markdown);
  for (const auto& words :
       {std::vector<const char*>{"--info", "a.h5"}, std::vector<const char*>{"info", "a.h5"}}) {
    EXPECT_EQ(parsed(words).mode, Mode::info);
    EXPECT_EQ(parsed(words).topic, "a.h5");
  }
}

TEST(CommandLine, mistakes_are_one_line) {
  const auto said = [](const std::vector<const char*>& words) -> std::string {
    try {
      parsed(words);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::deck);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(said({}),
            "command line: no deck is named; jespr --template train shows one (jespr --help)");
  EXPECT_EQ(said({"--check"}),
            "command line: no deck is named; jespr --template train shows one (jespr --help)");
  EXPECT_EQ(said({"--chek", "x.deck"}), "command line: there is no option --chek (jespr --help)");
  EXPECT_EQ(said({"--check", "--dry-run", "x.deck"}),
            "command line: --check and --dry-run exclude each other (jespr --help)");
  EXPECT_EQ(said({"--version", "x.deck"}),
            "command line: 'x.deck' is too much with --version (jespr --help)");
  EXPECT_EQ(said({"--template"}), "command line: --template needs a task (jespr --help)");
  EXPECT_EQ(said({"--info"}), "command line: --info needs a file (jespr --help)");
  EXPECT_EQ(said({"info"}), "command line: info takes one file (jespr --help)");
}

}  // namespace
}  // namespace jespr::deck
