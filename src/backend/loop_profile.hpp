// LoopProfile: where the time of a stretch of the program goes, by the names of its parallel loops.
#pragma once

#include <map>
#include <string>

namespace jespr {

/// While one exists, every named loop is timed on its own, the device's work included. One at a
/// time. The loops wait for one another then: their sum is a little more than they take without.
class LoopProfile {
 public:
  struct Entry {
    double seconds = 0;
    long calls = 0;
  };

  LoopProfile();
  ~LoopProfile();
  LoopProfile(const LoopProfile&) = delete;
  LoopProfile& operator=(const LoopProfile&) = delete;

  const std::map<std::string, Entry>& entries() const;
};

}  // namespace jespr
