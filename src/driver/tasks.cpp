// From the command line to a task.
#include "driver/tasks.hpp"

#include <fmt/format.h>

#include <cstdint>

#include "backend/build_info.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "deck/help.hpp"
#include "deck/reader.hpp"
#include "deck/writer.hpp"
#include "driver/benchmark.hpp"
#include "driver/evaluate.hpp"
#include "driver/info.hpp"
#include "driver/settings.hpp"
#include "driver/stop_request.hpp"
#include "driver/train.hpp"

namespace jespr {
namespace {

/// Text for the user's eyes alone, without the log's decoration.
void print(const std::string& text) {
  log::line(text.ends_with('\n') ? text.substr(0, text.size() - 1) : text);
}

/// The deck as the root reads it, on all ranks.
deck::Source load_deck(const deck::CommandLine& command, const Communicator& communicator) {
  deck::Source source;
  std::string error;
  if (communicator.is_root()) {
    try {
      source = deck::load(command.deck, command.overrides);
    } catch (const Error& e) {
      error = e.what();
    }
  }
  error = communicator.broadcast(error);
  if (!error.empty()) fail(Exit::deck, error);
  source.name = communicator.broadcast(source.name);
  source.text = communicator.broadcast(source.text);
  source.folder = communicator.broadcast(source.folder);
  source.overrides = command.overrides;
  return source;
}

bool same_on_all_ranks(std::uint64_t own, const Communicator& communicator) {
  return communicator.min(own) == communicator.max(own);
}

/// Ranks started with different command lines would wait for one another, or run different
/// experiments. Overrides become part of the deck, whose hash is compared below.
void check_same_command(const deck::CommandLine& command, const Communicator& communicator) {
  const std::string words =
      fmt::format("{} {} {}", static_cast<int>(command.mode), command.topic, command.deck);
  if (!same_on_all_ranks(digest(words.data(), words.size()), communicator))
    fail(Exit::deck, "the ranks have different command lines: all of them need the same");
}

/// The same for what became of it.
void check_same_deck(const deck::Schema& schema, const Communicator& communicator) {
  const std::uint64_t own = deck::hash(schema);
  if (!same_on_all_ranks(own, communicator))
    fail(Exit::deck, fmt::format("rank {}: the processed deck has hash {}, another rank's differs: "
                                 "all ranks need the same command line",
                                 communicator.rank(), hash_text(own)));
}

Exit run_deck(const deck::CommandLine& command, const Communicator& communicator) {
  Settings settings;
  deck::Schema schema;
  declare(schema, settings);
  const deck::Source source = load_deck(command, communicator);
  deck::read(schema, source);
  check_same_deck(schema, communicator);
  const DeckText text{source.name, source.folder, deck::processed(schema)};
  if (settings.run.task != "train" || command.mode != deck::CommandLine::Mode::run)
    StopRequest::release_term();
  if (command.mode == deck::CommandLine::Mode::check) {
    print(text.processed);
    print("! " + source.name + ": no mistakes");
    return Exit::ok;
  }
  const bool dry_run = command.mode == deck::CommandLine::Mode::dry_run;
  if (settings.run.task == "train") return train(settings, text, communicator, dry_run);
  if (dry_run)
    fail(Exit::deck, source.name + ": --dry-run is for task = 'train'; use --check for others");
  if (settings.run.task == "prepare") {
    data::run_prepare(settings.prepare, text.processed, communicator);
    return Exit::ok;
  }
  if (settings.run.task == "benchmark")
    benchmark(settings, text, communicator);
  else
    evaluate(settings, text, communicator);
  return Exit::ok;
}

}  // namespace

Exit run_command(const deck::CommandLine& command, const Communicator& communicator) {
  using Mode = deck::CommandLine::Mode;
  check_same_command(command, communicator);
  Settings settings;
  deck::Schema schema;
  declare(schema, settings);
  switch (command.mode) {
    case Mode::run:
    case Mode::dry_run:
    case Mode::check:
      return run_deck(command, communicator);
    case Mode::help:
      print(command.topic.empty() ? deck::usage() + "\n" + deck::help(schema)
                                  : deck::help(schema, command.topic));
      return Exit::ok;
    case Mode::template_deck:
      print(deck::template_deck(schema, command.topic));
      return Exit::ok;
    case Mode::markdown:
      print(deck::markdown(schema));
      return Exit::ok;
    case Mode::info:
      print(describe_file(command.topic));
      return Exit::ok;
    case Mode::version:
      print(build_info_text());
      return Exit::ok;
  }
  return Exit::runtime;
}

}  // namespace jespr
