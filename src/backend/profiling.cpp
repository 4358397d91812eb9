// Regions, told to Kokkos.
#include "backend/profiling.hpp"

#include <Kokkos_Core.hpp>
#include <map>
#include <string>

namespace jespr {
namespace {

/// The name as Kokkos wants it, made once: a step allocates nothing. Regions belong to one thread.
const std::string& kept_name(const char* name) {
  static std::map<const char*, std::string> names;
  const auto found = names.find(name);
  return found != names.end() ? found->second : names.emplace(name, name).first->second;
}

}  // namespace

Region::Region(const char* name) : pushed_(Kokkos::Profiling::profileLibraryLoaded()) {
  if (pushed_) Kokkos::Profiling::pushRegion(kept_name(name));
}

Region::~Region() {
  if (pushed_) Kokkos::Profiling::popRegion();
}

}  // namespace jespr
