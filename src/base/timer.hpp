// Wall-clock time, and the table of what a run spent it on.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace jespr {

class Timer {
 public:
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

/// Seconds by name, in the order of first use. Names do not nest: a second is counted once.
class Timers {
 public:
  struct Entry {
    std::string name;
    double seconds = 0;
    long calls = 0;
  };

  void add(std::string_view name, double seconds);
  double seconds(std::string_view name) const;
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

/// "1m04", "2h31m", "3d04h": a duration in few characters.
std::string format_duration(double seconds);
/// "8.3 MB": bytes in few characters, powers of 1000.
std::string format_bytes(double bytes);
/// "2026-11-23 14:02:11", local time.
std::string time_stamp();
std::string host_name();

}  // namespace jespr
