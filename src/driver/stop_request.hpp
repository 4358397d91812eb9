// Requests to stop: signals, the time limit, the end of the Slurm job, a stop file. A rank that is
// asked only raises a flag; the flag travels in the loss reduction, so that all ranks stop after
// the same step.
#pragma once

#include <optional>
#include <string>

#include "base/timer.hpp"
#include "driver/run_settings.hpp"

namespace jespr {

class StopRequest {
 public:
  enum Flag : int { none = 0, signal = 1, time_limit = 2, job_end = 4, stop_file = 8 };

  /// From here on USR1, USR2 and TERM wait until they are asked for, in this thread and all that it
  /// starts: to be called before any other starts. A scheduler may send one while the program still
  /// starts; and no handler ever interrupts a kernel, because the products of oneDNN before 3.12
  /// keep data where the stack pointer says that a handler's frame may go (its issue 4845).
  static void hold_signals();

  /// TERM ends the program at once again: for tasks that have nothing to save.
  static void release_term();

  /// Asks for SIGTERM and the deck's signal, looks at its time limit and, where the job's
  /// environment has it (SLURM_JOB_END_TIME, seconds since 1970), at the end of the job. The stop
  /// file is looked for at `path`; "" on ranks that need not.
  StopRequest(const RunSettings& settings, std::string path);

  /// This rank's flags, to be asked once for each step. The job's end asks when what is left of it
  /// is less than `job_end_margin` and the longest time between two steps so far, validations and
  /// checkpoints included.
  int flags();

  /// Seconds to the end of the job; nothing where it is not known or not to be looked at.
  std::optional<double> seconds_of_job() const;

 private:
  bool finds_signal();
  bool finds_stop_file();

  double max_seconds_;  // 0: no limit
  int signal_;
  bool signalled_ = false;
  std::optional<double> job_end_;  // seconds since 1970
  double margin_;
  std::string stop_file_;
  bool found_ = false;
  Timer run_;
  std::optional<double> asked_at_, looked_at_;  // seconds of the run
  double longest_ = 0;                          // between two questions
};

/// What makes `path` unfit for a stop file at the start of a run, "" if nothing: only an empty file
/// may lie there, because it goes once it is obeyed.
std::string objection_to_stop_file(const std::string& path);

/// Removes a stop file that has been obeyed, so that the next start is not stopped by it. One that
/// is not empty, or that cannot be removed, stays: a warning.
void remove_stop_file(const std::string& path);

/// "a signal", "the time limit": what the flags of all ranks ask for.
std::string reason_of(int flags);

}  // namespace jespr
