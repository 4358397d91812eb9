// Errors that a user can meet: one message, one exit code. Thrown anywhere, ended only by main
// (through the backend, which stops all ranks). Bugs are asserts, not errors.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace jespr {

/// Exit code of the program; 0 only on success.
enum class Exit : int {
  ok = 0,
  runtime = 1,  // the run failed: numerics, memory, disk, a lost rank
  deck = 2,     // the command line or the input deck is wrong
  data = 3,     // a structure file, dataset, checkpoint or weight file is wrong
  stopped = 4,  // stopped on request (signal, time limit), restartable
};

class Error : public std::exception {
 public:
  Error(Exit code, std::string message) : code_(code), message_(std::move(message)) {}
  Exit code() const { return code_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  Exit code_;
  std::string message_;
};

/// Ends the current task with `message`: the place, what was found, what was expected, what to do.
[[noreturn]] void fail(Exit code, std::string message);

}  // namespace jespr
