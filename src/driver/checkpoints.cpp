// The checkpoints of a run's folder.
#include "driver/checkpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>  // for from_chars
#include <filesystem>

#include "base/log.hpp"
#include "io/checkpoint.hpp"
#include "io/files.hpp"

namespace jespr {
namespace {

constexpr std::string_view prefix = "step_", suffix = ".h5";

/// validation_NAME.csv, worst_pairs_NAME.tsv: results on a set of &validate datasets.
bool is_of_named_set(std::string_view name) {
  return (name.starts_with("validation_") && name.ends_with(".csv")) ||
         (name.starts_with("worst_pairs_") && name.ends_with(".tsv"));
}

}  // namespace

std::string CheckpointFolder::path_of(std::int64_t step) const {
  return fmt::format("{}/{}{:06}{}", folder_, prefix, step, suffix);
}

std::string CheckpointFolder::best_path() const { return folder_ + "/best.h5"; }

std::vector<CheckpointFolder::Found> CheckpointFolder::list_here() const {
  std::vector<Found> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    const char* const first = name.data() + prefix.size();
    const char* const last = name.data() + name.size() - suffix.size();
    std::int64_t step = 0;
    const auto result = std::from_chars(first, last, step);
    if (result.ec != std::errc() || result.ptr != last || step < 0) continue;
    found.push_back({step, entry.path().string()});
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.step > b.step; });
  return found;
}

std::vector<std::string> CheckpointFolder::list(const Communicator& communicator) const {
  std::string joined;
  if (communicator.is_root())
    for (const Found& found : list_here()) joined += found.path + '\n';
  joined = communicator.broadcast(joined);
  std::vector<std::string> paths;
  for (std::size_t begin = 0; begin < joined.size();) {
    const std::size_t end = joined.find('\n', begin);
    paths.push_back(joined.substr(begin, end - begin));
    begin = end + 1;
  }
  return paths;
}

std::string CheckpointFolder::newest_sound(const Communicator& communicator) const {
  std::vector<std::string> damaged;
  for (const std::string& path : list(communicator)) {
    const std::string damage = io::check_checkpoint(path, communicator);
    if (!damage.empty()) {
      log::warning(damage);
      damaged.push_back(path);
      continue;
    }
    for (const std::string& other : damaged)
      if (communicator.is_root())
        log::warning(fmt::format("restart: {} is passed over, kept as {}", other,
                                 io::set_aside(other, "damaged")));
    communicator.barrier();
    return path;
  }
  return "";
}

void CheckpointFolder::prune(std::int64_t step) const {
  std::int64_t newer = 0;
  for (const Found& found : list_here())
    if (found.step <= step && ++newer > keep_) io::remove_file(found.path);
}

void CheckpointFolder::remove_unfinished() const {
  std::vector<std::string> unfinished;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    const bool is_step = name.starts_with(prefix) && name.ends_with(io::temporary_name(".h5"));
    if (is_step || entry.path() == io::temporary_name(best_path()))
      unfinished.push_back(entry.path().string());
  }
  for (const std::string& path : unfinished) io::remove_file(path);
}

std::string CheckpointFolder::any_result() const {
  const auto checkpoints = list_here();
  if (!checkpoints.empty()) return checkpoints.front().path;
  for (const char* name : {"/history.csv", "/history.h5", "/validation.csv", "/best.h5",
                           "/statistics.csv", "/worst_pairs.tsv"})
    if (io::file_exists(folder_ + name)) return folder_ + name;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored))
    if (is_of_named_set(entry.path().filename().string())) return entry.path().string();
  return "";
}

void CheckpointFolder::remove_results() const {
  for (std::string found = any_result(); !found.empty(); found = any_result())
    io::remove_file(found);
}

}  // namespace jespr
