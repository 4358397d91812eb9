// Pinning by sched_setaffinity, which acts after the OpenMP runtime has started.
#include "backend/pinning.hpp"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>

#include "backend/session.hpp"
#include "base/timer.hpp"

namespace jespr {
namespace {

void allow(const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

/// Those of all threads together, from before they were pinned here.
const std::vector<int>& process_cores() {
  static const std::vector<int> cores = query_affinity().cores;
  return cores;
}

bool user_decides() {
  return std::getenv("OMP_PROC_BIND") || std::getenv("OMP_PLACES") ||
         std::getenv("GOMP_CPU_AFFINITY");
}

/// The places of all ranks: threads, then cores, as numbers.
std::vector<RankPlace> gather_places(const Communicator& world, const RankPlace& own) {
  std::vector<RankPlace> places;
  for (std::string& node : world.all_gather(own.node)) places.push_back({std::move(node), {}, 1});
  std::vector<int> mine = {own.threads, static_cast<int>(own.cores.size())};
  mine.insert(mine.end(), own.cores.begin(), own.cores.end());
  const std::vector<int> all = world.all_gather(std::span<const int>(mine));
  auto next = all.begin();
  for (RankPlace& place : places) {
    place.threads = *next++;
    const int cores = *next++;
    place.cores.assign(next, next + cores);
    next += cores;
  }
  return places;
}

}  // namespace

std::vector<int> cores_of_threads(const std::vector<RankPlace>& places, int rank) {
  const RankPlace& own = places[static_cast<std::size_t>(rank)];
  std::size_t before = 0, all = 0;
  for (std::size_t r = 0; r < places.size(); ++r) {
    const RankPlace& other = places[r];
    if (other.node != own.node) continue;
    if (other.cores == own.cores) {
      if (r < static_cast<std::size_t>(rank)) before += static_cast<std::size_t>(other.threads);
      all += static_cast<std::size_t>(other.threads);
    } else if (std::find_first_of(own.cores.begin(), own.cores.end(), other.cores.begin(),
                                  other.cores.end()) != own.cores.end()) {
      return {};  // they share some of their cores: who knows which
    }
  }
  if (all != own.cores.size()) return {};
  const auto first = own.cores.begin() + static_cast<std::ptrdiff_t>(before);
  return {first, first + own.threads};
}

void pin_threads(const Communicator& world) {
  const RankPlace own{host_name(), process_cores(), omp_get_max_threads()};
  const std::vector<int> cores = cores_of_threads(gather_places(world, own), world.rank());
  if (cores.empty() || user_decides()) return;
#pragma omp parallel
  allow({cores[static_cast<std::size_t>(omp_get_thread_num())]});
}

void use_all_cores() { allow(process_cores()); }

}  // namespace jespr
