// Requests to stop.
#include "driver/stop_request.hpp"

#include <algorithm>
#include <charconv>  // for from_chars
#include <chrono>
#include <csignal>  // for sigtimedwait
#include <cstdlib>  // for getenv
#include <ctime>    // for timespec
#include <filesystem>
#include <initializer_list>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "io/files.hpp"

namespace jespr {
namespace {

constexpr double seconds_between_looks = 1;  // at the stop file: many steps may be shorter

int number_of(const std::string& name) { return name == "USR2" ? SIGUSR2 : SIGUSR1; }

sigset_t set_of(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return set;
}

/// Seconds since 1970, from Slurm's environment of a job (23.02 and newer set it).
std::optional<double> end_of_job() {
  const char* const text = std::getenv("SLURM_JOB_END_TIME");
  if (!text) return {};
  const std::string_view word(text);
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), seconds);
  if (error == std::errc() && end == word.data() + word.size() && seconds > 0)
    return static_cast<double>(seconds);
  log::warning("SLURM_JOB_END_TIME = '" + std::string(word) +
               "' is no number of seconds since 1970: the end of the job is not looked at");
  return {};
}

/// What `touch` makes. Anything else may be somebody's data.
bool is_empty_file(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) &&
         std::filesystem::file_size(path, error) == 0 && !error;
}

}  // namespace

void StopRequest::hold_signals() {
  const sigset_t held = set_of({SIGUSR1, SIGUSR2, SIGTERM});
  pthread_sigmask(SIG_BLOCK, &held, nullptr);
}

void StopRequest::release_term() {
  const sigset_t term = set_of({SIGTERM});
  pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
}

StopRequest::StopRequest(const RunSettings& settings, std::string path)
    : max_seconds_(static_cast<double>(settings.max_seconds)),
      signal_(number_of(settings.stop_signal)),
      job_end_(settings.job_end_margin > 0 ? end_of_job() : std::nullopt),
      margin_(static_cast<double>(settings.job_end_margin)),
      stop_file_(std::move(path)) {}

int StopRequest::flags() {
  const double now = run_.seconds();
  if (asked_at_) longest_ = std::max(longest_, now - *asked_at_);
  asked_at_ = now;
  int flags = none;
  if (finds_signal()) flags |= signal;
  if (max_seconds_ > 0 && now >= max_seconds_) flags |= time_limit;
  if (const auto left = seconds_of_job(); left && *left < margin_ + longest_) flags |= job_end;
  if (finds_stop_file()) flags |= stop_file;
  return flags;
}

std::optional<double> StopRequest::seconds_of_job() const {
  if (!job_end_) return {};
  return *job_end_ -
         std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool StopRequest::finds_signal() {
  const sigset_t asked_for = set_of({SIGTERM, signal_});
  const timespec no_time{};
  signalled_ = signalled_ || sigtimedwait(&asked_for, nullptr, &no_time) > 0;
  return signalled_;
}

bool StopRequest::finds_stop_file() {
  if (stop_file_.empty() || found_) return found_;
  const double now = run_.seconds();
  if (looked_at_ && now - *looked_at_ < seconds_between_looks) return false;
  looked_at_ = now;
  found_ = io::file_exists(stop_file_);
  return found_;
}

std::string objection_to_stop_file(const std::string& path) {
  if (!io::file_exists(path) || is_empty_file(path)) return "";
  return path +
         ": not an empty file, so it cannot be the stop file (run.stop_file), which ends the run "
         "once it is there, and is removed then; move it away, or name a path where nothing lies";
}

void remove_stop_file(const std::string& path) {
  std::error_code error;
  if (!is_empty_file(path))
    log::warning(path + ": not an empty file, so it is not removed; do so before the next start");
  else if (!std::filesystem::remove(path, error))
    log::warning(path + ": the stop file cannot be removed" +
                 (error ? ": " + error.message() : "") + "; do so before the next start");
}

std::string reason_of(int flags) {
  if ((flags & StopRequest::signal) != 0) return "a signal";
  if ((flags & StopRequest::stop_file) != 0) return "the stop file (run.stop_file)";
  if ((flags & StopRequest::job_end) != 0) return "the end of the Slurm job (run.job_end_margin)";
  return "the time limit (run.max_seconds)";
}

}  // namespace jespr
