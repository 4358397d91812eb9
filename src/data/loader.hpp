// Loader: a thread of its own assembles the shards of the next steps while the present one is
// computed. What it is given to call must stay away from HDF5, MPI and Kokkos.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "data/batch.hpp"

namespace jespr::data {

class Loader {
 public:
  /// Makes what this rank needs for one step (or whatever else is numbered: pieces of a split).
  using Assemble = std::function<StepRows(std::int64_t step)>;

  /// Starts on the steps [first, end), at most `ahead` of them finished and not yet taken.
  Loader(Assemble assemble, std::int64_t first, std::int64_t end, int ahead = 2);
  /// Ends the thread; waits for the step that it is working on.
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next step, in order. Throws what `assemble` threw for it: an Error as it is,
  /// anything else as Error (runtime); likewise ever after. Error (runtime) past the end.
  StepRows next();

  /// How long the latest next() has waited, in seconds of wall clock.
  double wait_seconds() const { return wait_seconds_; }

 private:
  void work();
  bool assemble_one();

  Assemble assemble_;
  std::int64_t working_, end_;  // next step to assemble, first step not to
  std::size_t ahead_;
  double wait_seconds_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<StepRows> finished_;
  std::exception_ptr failure_;
  bool done_ = false;  // nothing more will come
  bool stop_ = false;

  std::thread thread_;  // last: starts when all else is there
};

}  // namespace jespr::data
