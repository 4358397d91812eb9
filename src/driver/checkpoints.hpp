// The checkpoints of a run's folder: their names, which one a restart continues from, which ones
// are kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/communicator.hpp"

namespace jespr {

class CheckpointFolder {
 public:
  CheckpointFolder(std::string folder, std::int64_t keep)
      : folder_(std::move(folder)), keep_(keep) {}

  /// step_000150.h5
  std::string path_of(std::int64_t step) const;
  std::string best_path() const;
  const std::string& path() const { return folder_; }

  /// All step_*.h5, the newest first; the same on all ranks.
  std::vector<std::string> list(const Communicator& communicator) const;

  /// The newest checkpoint that is sound, "" if there is none. Damaged ones that are newer are
  /// named in warnings and, unless all are damaged, renamed to step_*.h5.damaged. Collective.
  std::string newest_sound(const Communicator& communicator) const;

  /// After `step` was written: removes the older checkpoints but the newest `keep` - 1 of them. To
  /// be called by one rank.
  void prune(std::int64_t step) const;

  /// Removes what a killed run left half-written under a temporary name. For one rank.
  void remove_unfinished() const;

  /// A file of a run's results that lies in the folder, "" if there is none. For one rank.
  std::string any_result() const;
  /// Removes all of them and nothing else. For one rank.
  void remove_results() const;

 private:
  struct Found {
    std::int64_t step;
    std::string path;
  };
  std::vector<Found> list_here() const;
  std::string folder_;
  std::int64_t keep_;
};

}  // namespace jespr
