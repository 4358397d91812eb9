// Requests to stop.
#include "driver/stop_request.hpp"

#include <csignal>

namespace jespr {
namespace {

volatile std::sig_atomic_t seen_term = 0, seen_usr1 = 0, seen_usr2 = 0;

void note_signal(int number) {
  (number == SIGTERM ? seen_term : number == SIGUSR1 ? seen_usr1 : seen_usr2) = 1;
}

int number_of(const std::string& name) { return name == "USR2" ? SIGUSR2 : SIGUSR1; }

void listen(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;  // a write or a wait in progress goes on
  sigaction(number, &action, nullptr);
}

}  // namespace

void StopRequest::remember_signals() {
  listen(SIGUSR1, note_signal);
  listen(SIGUSR2, note_signal);
}

StopRequest::StopRequest(const std::string& signal_name, std::int64_t max_seconds)
    : max_seconds_(max_seconds), signal_(number_of(signal_name)) {
  remember_signals();
  listen(SIGTERM, note_signal);
}

StopRequest::~StopRequest() { listen(SIGTERM, SIG_DFL); }

int StopRequest::flags(double seconds) const {
  int flags = none;
  if (seen_term || (signal_ == SIGUSR1 ? seen_usr1 : seen_usr2)) flags |= signal;
  if (max_seconds_ > 0 && seconds >= static_cast<double>(max_seconds_)) flags |= time_limit;
  return flags;
}

std::string reason_of(int flags) {
  if ((flags & StopRequest::signal) != 0) return "a signal";
  return "the time limit (run.max_seconds)";
}

}  // namespace jespr
