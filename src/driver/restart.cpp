// How a run goes on.
#include "driver/restart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "io/checkpoint.hpp"

namespace jespr {
namespace {

/// The same answer on all ranks, though only the root looks.
template <class Look>
bool root_finds(const Communicator& communicator, const Look& look) {
  return communicator.broadcast(std::string(communicator.is_root() && look() ? "yes" : "")) ==
         "yes";
}

void require_no_results(const CheckpointFolder& folder, const Communicator& communicator) {
  const std::string history = folder.path() + "/history.csv";
  if (root_finds(communicator, [&] { return std::filesystem::exists(history); }))
    fail(Exit::deck, fmt::format("{}: results of an earlier run lie here; continue it with "
                                 "checkpoint.restart=auto, or choose another run.name",
                                 folder.path()));
}

std::string newest_of(const CheckpointFolder& folder, const Communicator& communicator) {
  const std::string newest = folder.newest_sound(communicator);
  if (newest.empty() && !folder.list(communicator).empty())
    fail(Exit::data, fmt::format("{}: none of its checkpoints is sound; move them away to start "
                                 "anew",
                                 folder.path()));
  return newest;
}

std::string named_file(const std::string& file, const CheckpointFolder& folder,
                       const Communicator& communicator) {
  const std::string damage = io::check_checkpoint(file, communicator);
  if (!damage.empty()) fail(Exit::data, damage + "; name a sound checkpoint, or restart = 'auto'");
  const std::vector<std::string> here = folder.list(communicator);
  const bool loses = !here.empty() && root_finds(communicator, [&] {
    return !std::filesystem::equivalent(here.front(), file);
  });
  if (loses)
    fail(Exit::deck,
         fmt::format("{}: {} lies here, which a run from {} would overwrite; move the checkpoints "
                     "after that one away, or choose another run.name, or restart = 'auto'",
                     folder.path(), std::filesystem::path(here.front()).filename().string(), file));
  return file;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

void log_changes(const std::string& deck_before, const std::string& deck_now) {
  const auto before = lines_of(deck_before);
  for (const std::string& line : lines_of(deck_now))
    if (std::find(before.begin(), before.end(), line) == before.end())
      log::warning("deck changed since the checkpoint, now:" + line);
}

}  // namespace

std::int64_t fingerprint(const data::Dataset& dataset) {
  std::uint64_t hash = digest(dataset.offsets().data(), dataset.offsets().size_bytes());
  hash = digest(dataset.splits().data(), dataset.splits().size_bytes(), hash);
  hash = digest(dataset.clusters().data(), dataset.clusters().size_bytes(), hash);
  for (const std::string& name : dataset.names()) hash = digest(name.data(), name.size(), hash);
  return static_cast<std::int64_t>(hash);
}

std::string find_restart(const CheckpointSettings& settings, const CheckpointFolder& folder,
                         const Communicator& communicator) {
  if (settings.restart == "auto") return newest_of(folder, communicator);
  if (settings.restart == "file") return named_file(settings.restart_file, folder, communicator);
  require_no_results(folder, communicator);
  return "";
}

template <class P>
ProductLibrary stored_library(const std::string& checkpoint) {
  TrainingNumbers<P> numbers;
  io::read_checkpoint(checkpoint, numbers);
  return static_cast<ProductLibrary>(numbers.all.matrix_library);
}

template <class P>
void restore_state(const std::string& checkpoint, TrainingState<P>& state, const DeckText& deck,
                   const std::string& dataset) {
  const TrainingState<P> asked = state;
  io::read_checkpoint(checkpoint, state);
  state.matrix_library = asked.matrix_library;
  const auto agree = [&](const char* key, std::int64_t stored, std::int64_t wanted) {
    if (stored != wanted)
      fail(Exit::deck, fmt::format("{}: {} = {}, but {} was computed with {}: the run cannot "
                                   "continue bit for bit; restore the value, or start anew",
                                   deck.name, key, wanted, checkpoint, stored));
  };
  agree("&run seed", state.seed, asked.seed);
  agree("&batch shards", state.shards, asked.shards);
  agree("&batch proteins", state.proteins, asked.proteins);
  if (state.dataset != asked.dataset)
    fail(Exit::data, fmt::format("{}: not the dataset that {} was trained on (names, lengths, "
                                 "splits or clusters differ); the run cannot continue with it",
                                 dataset, checkpoint));
  log_changes(io::read_information(checkpoint, "deck"), deck.processed);
}

#define JESPR_INSTANTIATE(P)                                                             \
  template ProductLibrary stored_library<P>(const std::string&);                         \
  template void restore_state<P>(const std::string&, TrainingState<P>&, const DeckText&, \
                                 const std::string&);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr
