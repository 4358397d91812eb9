// Named regions of a run for profilers: Kokkos tools (KOKKOS_TOOLS_LIBS), and through their
// connector for NVTX Nsight Systems. Without a tool they cost a look at a flag.
#pragma once

namespace jespr {

/// From here to the end of the scope; regions nest.
class Region {
 public:
  explicit Region(const char* name);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

 private:
  bool pushed_;
};

}  // namespace jespr
