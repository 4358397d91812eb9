// Regions, told to Kokkos.
#include "tensor/profiling.hpp"

#include <Kokkos_Core.hpp>

#include "tensor/loops.hpp"

namespace jespr {

Region::Region(const char* name) : pushed_(Kokkos::Profiling::profileLibraryLoaded()) {
  if (pushed_) Kokkos::Profiling::pushRegion(loop_name(name));
}

Region::~Region() {
  if (pushed_) Kokkos::Profiling::popRegion();
}

}  // namespace jespr
