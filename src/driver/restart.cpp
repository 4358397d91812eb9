// How a run goes on.
#include "driver/restart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/log.hpp"
#include "deck/reader.hpp"
#include "io/checkpoint.hpp"
#include "io/files.hpp"

namespace jespr {
namespace {

void require_no_results(const CheckpointFolder& folder, const Communicator& communicator) {
  const std::string found =
      communicator.broadcast(communicator.is_root() ? folder.any_result() : "");
  if (!found.empty())
    fail(Exit::deck, fmt::format("{}: results of an earlier run lie here; continue it with "
                                 "checkpoint.restart=auto, or choose another run.name",
                                 found));
}

/// A run that was stopped before its first checkpoint begins anew: what it left is kept.
void set_results_aside(const CheckpointFolder& folder, const Communicator& communicator) {
  if (communicator.is_root())
    for (std::string found = folder.any_result(); !found.empty(); found = folder.any_result())
      log::warning(fmt::format("restart: no checkpoint, starting at step 0; {} is kept as {}",
                               found, io::set_aside(found, "old")));
  communicator.barrier();
}

std::string newest_of(const CheckpointFolder& folder, const Communicator& communicator) {
  const std::string newest = folder.newest_sound(communicator);
  if (!newest.empty()) return newest;
  if (!folder.list(communicator).empty())
    fail(Exit::data, fmt::format("{}: none of its checkpoints is sound; move them away to start "
                                 "anew",
                                 folder.path()));
  set_results_aside(folder, communicator);
  return "";
}

std::string named_file(const std::string& file, const CheckpointFolder& folder,
                       const Communicator& communicator) {
  const std::string damage = io::check_checkpoint(file, communicator);
  if (!damage.empty()) fail(Exit::data, damage + "; name a sound checkpoint, or restart = 'auto'");
  std::string loses;
  if (communicator.is_root()) {
    const std::string found = folder.any_result();
    if (!found.empty() && !std::filesystem::equivalent(found, file)) loses = found;
  }
  loses = communicator.broadcast(loses);
  if (!loses.empty())
    fail(Exit::deck,
         fmt::format("{} would be overwritten by a run from {}; choose another run.name "
                     "for it, or move newer results away, or restart = 'auto'",
                     loses, file));
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

/// The &run precision of a state whose numbers are f32.
const char* precision_of(std::int64_t operands) {
  return static_cast<OperandPrecision>(operands) == OperandPrecision::bf16 ? "bf16" : F32::name;
}

/// Shards decide the tree of sums; the user may not know their number where a limit chose it.
void require_shards(std::int64_t before, std::int64_t asked, const std::string& checkpoint,
                    const DeckText& deck) {
  if (before == asked) return;
  const double limit = trained_settings(checkpoint).batch.max_memory_gb;
  fail(Exit::deck,
       fmt::format("{}: &batch shards = {}, but {} was computed with {}{}: the run cannot continue "
                   "bit for bit; set shards = {}, or start anew",
                   deck.name, asked, checkpoint, before,
                   limit > 0 ? fmt::format(", under max_memory_gb = {:.6g}", limit) : "", before));
}

void log_changes(const std::string& deck_before, const std::string& deck_now) {
  const auto before = lines_of(deck_before);
  for (const std::string& line : lines_of(deck_now))
    if (std::find(before.begin(), before.end(), line) == before.end())
      log::warning("deck changed since the checkpoint, now:" + line);
}

}  // namespace

std::string find_restart(const CheckpointSettings& settings, const CheckpointFolder& folder,
                         const Communicator& communicator) {
  if (settings.restart == "auto") return newest_of(folder, communicator);
  if (settings.restart == "file") return named_file(settings.restart_file, folder, communicator);
  require_no_results(folder, communicator);
  return "";
}

Settings trained_settings(const std::string& checkpoint) {
  Settings settings;
  deck::Schema schema;
  declare(schema, settings);
  deck::read_stored(
      schema, {checkpoint + ": /info/deck", io::read_information(checkpoint, "deck"), "/", {}});
  return settings;
}

template <class P>
std::int64_t shards_of(const std::string& checkpoint) {
  TrainingNumbers<P> numbers;
  io::read_checkpoint(checkpoint, numbers);
  return numbers.all.shards;
}

template <class P>
ProductLibrary choose_library(const std::string& asked, const std::string& checkpoint) {
  ProductLibrary library = Products::default_library();
  if (library != ProductLibrary::cublas && asked == "blas") library = ProductLibrary::blas;
  if (checkpoint.empty()) return library;
  TrainingNumbers<P> numbers;
  io::read_checkpoint(checkpoint, numbers);
  const auto stored = static_cast<ProductLibrary>(numbers.all.matrix_library);
  const bool here = (stored == ProductLibrary::cublas) == (library == ProductLibrary::cublas);
  if (here && asked == "auto") return stored;
  if (stored != library)
    log::warning(fmt::format("{} was computed with {}, this run uses {}: same numbers, other bits",
                             checkpoint, name_of(stored), name_of(library)));
  return library;
}

template <class P>
void restore_state(const std::string& checkpoint, TrainingState<P>& state, const DeckText& deck,
                   const std::string& dataset) {
  const TrainingState<P> asked = state;
  const bool has_average = io::File::open(checkpoint).exists("/state/average");
  if (state.optimizer->keeps_average() && !has_average)
    fail(Exit::deck, fmt::format("{}: &optim ema_decay is not 0, but {} holds no averaged weights: "
                                 "set ema_decay = 0.0, or start anew",
                                 deck.name, checkpoint));
  // The numbers first: another model has other tensors, which would only be said to be missing.
  TrainingNumbers<P> numbers{state};
  io::read_checkpoint(checkpoint, numbers);
  const TrainingState<P>& before = numbers.all;
  const auto agree = [&](const char* key, std::int64_t stored, std::int64_t wanted) {
    if (stored != wanted)
      fail(Exit::deck, fmt::format("{}: {} = {}, but {} was computed with {}: the run cannot "
                                   "continue bit for bit; restore the value, or start anew",
                                   deck.name, key, wanted, checkpoint, stored));
  };
  agree("&run seed", before.seed, asked.seed);
  require_shards(before.shards, asked.shards, checkpoint, deck);
  agree("&batch proteins", before.proteins, asked.proteins);
  if (before.operands != asked.operands)
    fail(Exit::deck,
         fmt::format("{}: &run precision = '{}', but {} was computed with '{}': the run cannot "
                     "continue bit for bit; restore the value, or start anew",
                     deck.name, precision_of(asked.operands), checkpoint,
                     precision_of(before.operands)));
  for (std::size_t i = 0; i < before.form.size(); ++i)
    if (before.form[i] != asked.form[i])
      fail(Exit::deck, fmt::format("{}: {} is not what {} was computed with (jespr info shows its "
                                   "deck); restore the value, or start anew",
                                   deck.name, asked.form[i].first, checkpoint));
  if (before.dataset != asked.dataset)
    fail(Exit::data, fmt::format("{}: not the dataset that {} was trained on (names, sequences, "
                                 "coordinates, confidences, splits or clusters differ); the run "
                                 "cannot continue with it",
                                 dataset, checkpoint));
  io::read_checkpoint(checkpoint, state);
  if (has_average && !state.optimizer->keeps_average())
    log::warning(
        fmt::format("&optim ema_decay = 0: the averaged weights of {} are dropped, later "
                    "checkpoints have none to go on from",
                    checkpoint));
  state.matrix_library = asked.matrix_library;
  log_changes(io::read_information(checkpoint, "deck"), deck.processed);
}

#define JESPR_INSTANTIATE(P)                                                             \
  template std::int64_t shards_of<P>(const std::string&);                                \
  template ProductLibrary choose_library<P>(const std::string&, const std::string&);     \
  template void restore_state<P>(const std::string&, TrainingState<P>&, const DeckText&, \
                                 const std::string&);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr
