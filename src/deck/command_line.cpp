// The command line, by CLI11.
#include "deck/command_line.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <utility>

#include "base/error.hpp"

namespace jespr::deck {
namespace {

using Mode = CommandLine::Mode;

[[noreturn]] void refuse(const std::string& what) {
  fail(Exit::deck, "command line: " + what + " (jespr --help)");
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  CLI::App app;
  app.set_help_flag();  // help comes from the declarations of the deck
  std::vector<std::string> words;
  std::string group, task, file;
  app.add_option("words", words);
  const std::array<std::pair<CLI::Option*, Mode>, 7> options = {{
      {app.add_option("-h,--help", group)->expected(0, 1), Mode::help},
      {app.add_option("--template", task)->expected(0, 1), Mode::template_deck},
      {app.add_option("--info", file)->expected(0, 1), Mode::info},
      {app.add_flag("--check"), Mode::check},
      {app.add_flag("--dry-run"), Mode::dry_run},
      {app.add_flag("--markdown"), Mode::markdown},
      {app.add_flag("--version"), Mode::version},
  }};
  app.allow_extras();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    refuse(error.what());
  }
  if (app.remaining_size() > 0) refuse("there is no option " + app.remaining().front());

  CommandLine line;
  std::string chosen;
  for (const auto& [option, mode] : options) {
    if (option->count() == 0) continue;
    const std::string name = option->get_name();
    if (!chosen.empty()) refuse(chosen + " and " + name + " exclude each other");
    chosen = name;
    line.mode = mode;
  }
  line.topic = group + task + file;  // at most one of them is there
  if (line.mode == Mode::template_deck && task.empty()) refuse("--template needs a task");
  if (line.mode == Mode::info && file.empty()) refuse("--info needs a file");
  const bool wants_deck =
      line.mode == Mode::run || line.mode == Mode::check || line.mode == Mode::dry_run;
  if (line.mode == Mode::run && !words.empty() && words.front() == "info") {
    if (words.size() != 2) refuse("info takes one file");
    line.mode = Mode::info;
    line.topic = words[1];
    return line;
  }
  if (!wants_deck) {
    if (!words.empty()) refuse("'" + words.front() + "' is too much with " + chosen);
    return line;
  }
  if (words.empty()) refuse("no deck is named; jespr --template train shows one");
  line.deck = words.front();
  line.overrides.assign(words.begin() + 1, words.end());
  return line;
}

std::string usage() {
  return R"(jespr: joint pre-training of protein sequence and structure embeddings

  mpirun -n R jespr DECK [group.key=value ...]   run what the deck says, on R ranks (or srun)
  jespr --check DECK [group.key=value ...]       read the deck, report all mistakes, start nothing
  jespr --dry-run DECK [group.key=value ...]     one step, one validation, one checkpoint
  jespr --template TASK                          a deck with every parameter at its default
  jespr --help [GROUP]                           this text, or the parameters of a group
  jespr info FILE                                describe a dataset, checkpoint or result
  jespr --version                                build configuration
  jespr --markdown                               doc/deck.md

exit codes: 0 success, 1 run-time failure, 2 command line or deck, 3 data or checkpoint,
            4 stopped on request and restartable
)";
}

}  // namespace jespr::deck
