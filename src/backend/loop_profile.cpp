// LoopProfile by the call-backs that Kokkos offers to profiling tools.
#include "backend/loop_profile.hpp"

#include <Kokkos_Core.hpp>
#include <memory>

#include "base/error.hpp"
#include "base/timer.hpp"

namespace jespr {
namespace {

namespace Tools = Kokkos::Tools::Experimental;

struct Running {
  std::map<std::string, LoopProfile::Entry> entries;
  std::string name;
  Timer timer;
  bool copying = false;  // a copy may be a loop by itself: it is counted once
};
std::unique_ptr<Running> running;  // the call-backs take no argument of ours

void begin(const char* name) {
  running->name = name;
  running->timer = Timer();
}
void end() {
  Kokkos::fence("loop profile");
  LoopProfile::Entry& entry = running->entries[running->name];
  entry.seconds += running->timer.seconds();
  ++entry.calls;
}

void begin_loop(const char* name, std::uint32_t, std::uint64_t*) {
  if (!running->copying) begin(name);
}
void end_loop(std::uint64_t) {
  if (!running->copying) end();
}
void begin_copy(Kokkos_Profiling_SpaceHandle, const char*, const void*,
                Kokkos_Profiling_SpaceHandle, const char*, const void*, std::uint64_t) {
  begin("copy or fill");
  running->copying = true;
}
void end_copy() {
  end();
  running->copying = false;
}

}  // namespace

LoopProfile::LoopProfile() {
  if (running) fail(Exit::runtime, "bug: two profiles of loops at a time");
  running = std::make_unique<Running>();
  Tools::set_begin_parallel_for_callback(begin_loop);
  Tools::set_end_parallel_for_callback(end_loop);
  Tools::set_begin_parallel_scan_callback(begin_loop);
  Tools::set_end_parallel_scan_callback(end_loop);
  Tools::set_begin_deep_copy_callback(begin_copy);
  Tools::set_end_deep_copy_callback(end_copy);
}

LoopProfile::~LoopProfile() {
  Tools::set_begin_parallel_for_callback(nullptr);
  Tools::set_end_parallel_for_callback(nullptr);
  Tools::set_begin_parallel_scan_callback(nullptr);
  Tools::set_end_parallel_scan_callback(nullptr);
  Tools::set_begin_deep_copy_callback(nullptr);
  Tools::set_end_deep_copy_callback(nullptr);
  running.reset();
}

const std::map<std::string, LoopProfile::Entry>& LoopProfile::entries() const {
  return running->entries;
}

}  // namespace jespr
