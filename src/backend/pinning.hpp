// Pinning: each thread on a core of its own, where the run has as many threads as cores.
#pragma once

#include <string>
#include <vector>

#include "backend/communicator.hpp"

namespace jespr {

/// What one rank has: its node, the cores that the operating system lets it use, its threads.
struct RankPlace {
  std::string node;
  std::vector<int> cores;
  int threads = 1;
};

/// The core of each thread of rank `rank`, or none where pinning would do harm: only ranks that are
/// given the same cores and together have as many threads as these are pinned. With fewer threads
/// than cores others may be at work there, with more they take turns anyway.
std::vector<int> cores_of_threads(const std::vector<RankPlace>& places, int rank);

/// Pins the threads of the host execution space so, unless OMP_PROC_BIND, OMP_PLACES or
/// GOMP_CPU_AFFINITY say that the user decides. Collective.
void pin_threads(const Communicator& world);

/// For a thread that is not one of those: it may use all cores of the process again, which it would
/// not where it was started by a pinned one.
void use_all_cores();

}  // namespace jespr
