// Time: the table, and how durations and sizes are written.
#include "base/timer.hpp"

#include <unistd.h>  // for gethostname

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace jespr {

void Timers::add(std::string_view name, double seconds) {
  auto entry = std::find_if(entries_.begin(), entries_.end(),
                            [&](const Entry& e) { return e.name == name; });
  if (entry == entries_.end()) entry = entries_.insert(entries_.end(), Entry{std::string(name)});
  entry->seconds += seconds;
  ++entry->calls;
}

double Timers::seconds(std::string_view name) const {
  for (const Entry& e : entries_)
    if (e.name == name) return e.seconds;
  return 0;
}

std::string format_duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-";
  const long total = std::lround(seconds);
  const long days = total / 86400, hours = total / 3600 % 24, minutes = total / 60 % 60;
  std::array<char, 32> text{};
  if (days > 0)
    std::snprintf(text.data(), text.size(), "%ldd%02ldh", days, hours);
  else if (hours > 0)
    std::snprintf(text.data(), text.size(), "%ldh%02ldm", hours, minutes);
  else if (minutes > 0)
    std::snprintf(text.data(), text.size(), "%ldm%02ld", minutes, total % 60);
  else
    std::snprintf(text.data(), text.size(), "%.1fs", seconds);
  return text.data();
}

std::string format_bytes(double bytes) {
  constexpr std::array<const char*, 6> units = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  while (bytes >= 999.5 && unit + 1 < units.size()) {
    bytes /= 1000;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), bytes < 9.95 && unit > 0 ? "%.1f %s" : "%.0f %s", bytes,
                units[unit]);
  return text.data();
}

std::string time_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
  return text.data();
}

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace jespr
