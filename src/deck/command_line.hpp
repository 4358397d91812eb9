// The command line: what the program is asked to do. Meaning of decks and files is left to others.
#pragma once

#include <string>
#include <vector>

namespace jespr::deck {

struct CommandLine {
  enum class Mode {
    run,            // jespr DECK [group.key=value ...]
    dry_run,        // jespr --dry-run DECK [...]: one step, one validation, one checkpoint
    check,          // jespr --check DECK [...]: read the deck, start nothing
    help,           // jespr --help [GROUP]
    template_deck,  // jespr --template TASK
    markdown,       // jespr --markdown: the text of doc/deck.md
    info,           // jespr info FILE, jespr --info FILE
    version,        // jespr --version
  };
  Mode mode = Mode::run;
  std::string deck;                    // run, dry_run, check
  std::vector<std::string> overrides;  // of these, "group.key=value"
  std::string topic;                   // GROUP or "", TASK, FILE
};

/// Failure: Error (deck), one line that says what is wrong.
CommandLine parse_command_line(int argc, const char* const* argv);

/// The ways to call the program, for `jespr --help`.
std::string usage();

}  // namespace jespr::deck
