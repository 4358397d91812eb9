// The checkpoints of a run's folder.
#include "driver/checkpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/log.hpp"
#include "io/checkpoint.hpp"

namespace jespr {
namespace {

constexpr std::string_view prefix = "step_", suffix = ".h5";

}  // namespace

std::string CheckpointFolder::path_of(std::int64_t step) const {
  return fmt::format("{}/{}{:06}{}", folder_, prefix, step, suffix);
}

std::string CheckpointFolder::best_path() const { return folder_ + "/best.h5"; }

std::vector<std::string> CheckpointFolder::list_here() const {
  std::vector<std::pair<long long, std::string>> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) continue;
    const std::string digits =
        name.substr(prefix.size(), name.size() - prefix.size() - suffix.size());
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos) continue;
    found.emplace_back(std::stoll(digits), entry.path().string());
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<std::string> paths;
  for (auto& [step, path] : found) paths.push_back(std::move(path));
  return paths;
}

std::vector<std::string> CheckpointFolder::list(const Communicator& communicator) const {
  std::string joined;
  if (communicator.is_root())
    for (const std::string& path : list_here()) joined += path + '\n';
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
  for (const std::string& path : list(communicator)) {
    const std::string damage = io::check_checkpoint(path, communicator);
    if (damage.empty()) return path;
    log::warning(damage);
    log::warning(fmt::format("restart: {} is passed over, trying the one before it", path));
  }
  return "";
}

void CheckpointFolder::prune() const {
  const auto paths = list_here();
  for (std::size_t i = static_cast<std::size_t>(keep_); i < paths.size(); ++i)
    io::remove_file(paths[i]);
}

}  // namespace jespr
