// Requests to stop: signals and the time limit. A rank that is asked only raises a flag; the flag
// travels in the loss reduction, so that all ranks stop after the same step.
#pragma once

#include <cstdint>
#include <string>

namespace jespr {

class StopRequest {
 public:
  enum Flag : int { none = 0, signal = 1, time_limit = 2 };

  /// From here on USR1 and USR2 are noted, not deadly: a scheduler may send one while the program
  /// still starts.
  static void remember_signals();

  /// Listens to SIGTERM and the signal named `signal_name` ("USR1"). `max_seconds` 0: no limit.
  StopRequest(const std::string& signal_name, std::int64_t max_seconds);
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  /// This rank's flags, given that the program has run for `seconds`.
  int flags(double seconds) const;

 private:
  std::int64_t max_seconds_;
  int signal_;
};

/// "a signal", "the time limit": what the flags of all ranks ask for.
std::string reason_of(int flags);

}  // namespace jespr
