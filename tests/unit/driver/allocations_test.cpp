// Steps 2 to 20 of a run allocate nothing, whatever their proteins: hooks count what Kokkos and the
// C++ library are asked for.
#include <gtest/gtest.h>

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include "driver/training_step.hpp"
#include "support/small_model.hpp"
#include "unit/data/chains.hpp"

namespace {

std::atomic<bool> counting{false};
std::atomic<long> arrays{0}, heap_arrays{0};
constexpr std::size_t smallest_array = 4096;  // bytes; less is a name, a list of layers or of tiles

void* counted(std::size_t bytes, std::size_t alignment) {
  if (counting && bytes >= smallest_array) ++heap_arrays;
  void* place = nullptr;
  if (posix_memalign(&place, std::max(alignment, sizeof(void*)), std::max<std::size_t>(bytes, 1)))
    throw std::bad_alloc();
  return place;
}

void count_array(Kokkos_Profiling_SpaceHandle, const char*, const void*, std::uint64_t) {
  if (counting) ++arrays;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return ::operator new(bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }
void operator delete(void* place, std::align_val_t) noexcept { std::free(place); }
void operator delete(void* place, std::size_t, std::align_val_t) noexcept { std::free(place); }

namespace {

using namespace jespr;
using namespace jespr::test;

TEST(TrainingStep, StepsTwoToTwentyAllocateNothing) {
  Settings settings;
  settings.batch.shards = 2;
  settings.batch.proteins = 8;
  settings.model = small_model(2, 32, 0.1);
  const Communicator self = Communicator::self();
  TrainingStep<F32> step(settings, self, Products::default_library());
  const BatchLayout layout{{4, 4}, 0, 2};
  constexpr int longest = 60, shortest = 20;
  Kokkos::Tools::Experimental::set_allocate_data_callback(count_array);
  for (int number = 0; number < 20; ++number) {
    std::vector<data::ShardRows> shards(2);
    for (int identity = 0; identity < 8; ++identity) {
      const int length = shortest + (7 * number + 11 * identity) % (longest - shortest);
      data::append_protein(shards[static_cast<std::size_t>(identity / 4)], identity,
                           data::made_up_protein(identity, length), data::whole_chain(length));
    }
    counting = number > 0;
    step.take(number, shards, layout, 0);
    counting = false;
    if (number == 0) step.reserve(static_cast<double>(longest) / shortest);
  }
  Kokkos::Tools::Experimental::set_allocate_data_callback(nullptr);
  EXPECT_EQ(arrays, 0);
  EXPECT_EQ(heap_arrays, 0);
}

}  // namespace
