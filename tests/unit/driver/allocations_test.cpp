// Steps 2 to 20 of training allocate nothing, whatever their proteins: hooks count every call of
// operator new and every array that Kokkos is asked for, on all threads, from the start of
// TrainingStep::take to its end.
//
// Not counted: what libraries of products, threads and messages do inside themselves (malloc, and
// oneDNN a small block with operator new in each product: so f32 products are BLAS's here); what a
// run does between its steps: the loader packs the next batch on its own thread, log and history
// are written, checkpoints and validation come when they are due. On a GPU Kokkos makes names for
// its own fences, so there only blocks of an array's size count.
#include <gtest/gtest.h>

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "driver/training_step.hpp"
#include "support/small_model.hpp"
#include "unit/data/chains.hpp"

namespace {

std::atomic<bool> counting{false};
std::atomic<long> arrays{0}, blocks{0};  // of Kokkos, of operator new
constexpr std::size_t smallest_block = jespr::device_is_host ? 0 : 4096;  // bytes

void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
  if (counting && bytes >= smallest_block) ++blocks;
  void* place = nullptr;
  const bool failed = posix_memalign(&place, std::max(alignment, sizeof(void*)),
                                     std::max<std::size_t>(bytes, 1)) != 0;
  return failed ? nullptr : place;
}
void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  void* const place = allocate(bytes, alignment);
  if (!place) throw std::bad_alloc();
  return place;
}
constexpr std::size_t usual = alignof(std::max_align_t);
constexpr std::size_t number(std::align_val_t alignment) {
  return static_cast<std::size_t>(alignment);
}

char first_array[128] = "";  // its name

/// Kokkos asks for 0 bytes at each launch of a team that needs no memory of its own on a GPU.
void count_array(Kokkos_Profiling_SpaceHandle, const char* name, const void*, std::uint64_t bytes) {
  if (counting && bytes > 0 && arrays++ == 0)
    std::strncpy(first_array, name, sizeof first_array - 1);
}

}  // namespace

void* operator new(std::size_t n) { return allocate_or_throw(n, usual); }
void* operator new[](std::size_t n) { return allocate_or_throw(n, usual); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, usual); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, usual); }
void* operator new(std::size_t n, std::align_val_t a) { return allocate_or_throw(n, number(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return allocate_or_throw(n, number(a)); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(n, number(a));
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(n, number(a));
}
void operator delete(void* place) noexcept { std::free(place); }
void operator delete[](void* place) noexcept { std::free(place); }
void operator delete(void* place, std::size_t) noexcept { std::free(place); }
void operator delete[](void* place, std::size_t) noexcept { std::free(place); }
void operator delete(void* place, const std::nothrow_t&) noexcept { std::free(place); }
void operator delete[](void* place, const std::nothrow_t&) noexcept { std::free(place); }
void operator delete(void* place, std::align_val_t) noexcept { std::free(place); }
void operator delete[](void* place, std::align_val_t) noexcept { std::free(place); }
void operator delete(void* place, std::size_t, std::align_val_t) noexcept { std::free(place); }
void operator delete[](void* place, std::size_t, std::align_val_t) noexcept { std::free(place); }
void operator delete(void* place, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(place);
}
void operator delete[](void* place, std::align_val_t, const std::nothrow_t&) noexcept {
  std::free(place);
}

namespace {

using namespace jespr;
using namespace jespr::test;

/// The hooks, from here to the end of the scope.
struct Hooks {
  Hooks() {
    arrays = blocks = 0;
    Kokkos::Tools::Experimental::set_allocate_data_callback(count_array);
  }
  ~Hooks() { Kokkos::Tools::Experimental::set_allocate_data_callback(nullptr); }
  Hooks(const Hooks&) = delete;
  Hooks& operator=(const Hooks&) = delete;
};

TEST(Allocations, AreCountedByTheHooks) {
  const Hooks hooks;
  counting = true;
  ::operator delete(::operator new(smallest_block));
  ::operator delete[](::operator new[](smallest_block, std::align_val_t(64)), std::align_val_t(64));
  Kokkos::kokkos_free(Kokkos::kokkos_malloc("an array", 1));
  counting = false;
  ::operator delete(::operator new(smallest_block));
  EXPECT_GE(blocks, 2);
  EXPECT_EQ(arrays, 1);
}

template <class P>
void expect_no_allocations(bool recompute, bool with_options = false, const LossSettings& loss = {},
                           int sequences = 1, bool with_classes = false) {
  Settings settings;
  if (with_options) {  // all that have buffers of their own
    settings.batch.recompute_blocks = true;
    settings.optim.ema_decay = 0.9;
    settings.optim.layer_decay = 0.5;
  }
  settings.batch.shards = 2;
  settings.batch.proteins = 8;
  settings.batch.recompute = recompute;
  settings.model = small_model(2, 32, 0.1);
  settings.model.joint.dropout = 0.1;
  settings.model.loss = loss;
  settings.model.sequence.pooling = "mean";
  if (with_classes) {
    settings.model.classes.label = "scop";
    settings.model.classes.sizes = {4, 9, 20, 100};
  }
  const data::Augmentation augmentation{
      .predicted = loss.has_language() ? data::Predicted::masked : data::Predicted::nothing,
      .predicted_fraction = 0.15};
  if (with_options) {
    settings.model.sequence.pooling = settings.model.structure.pooling = "attention";
    settings.model.sequence.layer_weights = settings.model.structure.layer_weights = "learned";
    settings.model.sequence.pooled_layers = settings.model.structure.pooled_layers = 2;
  }
  const Communicator self = Communicator::self();
  const ProductLibrary library = Products::libraries<typename P::Real>().back();
  TrainingStep<P> step(settings, self, library);
  const BatchLayout layout{{4, 4}, 0, 2, sequences};
  constexpr int longest = 60, shortest = 20;
  const Hooks hooks;
  for (int number = 0; number < 20; ++number) {
    std::vector<data::ShardRows> shards(2);
    for (int identity = 0; identity < 8; ++identity) {
      const int length = shortest + (7 * number + 11 * identity) % (longest - shortest);
      data::Windows windows = data::whole_chain(length);
      windows.more_sequences.assign(static_cast<std::size_t>(sequences - 1), windows.sequence);
      data::append_protein(shards[static_cast<std::size_t>(identity / 4)], identity,
                           data::made_up_protein(identity, length), windows, augmentation, number);
    }
    if (with_classes && number % 3 > 0)  // a step without labels is the first
      for (data::ShardRows& shard : shards)
        shard.classes = {0, -1, 2, 3, 0, 8, -1, -1, number, 1, -1, 2, 99, number, -1, 3};
    counting = number > 0;
    step.take(number, shards, layout, 0);
    counting = false;
    if (number == 0) step.reserve(static_cast<double>(longest) / shortest);
  }
  EXPECT_EQ(arrays, 0) << "the first is called '" << first_array << "'";
  EXPECT_EQ(blocks, 0);
}

TEST(TrainingStep, StepsTwoToTwentyAllocateNothing) {
  expect_no_allocations<F32>(false);
  expect_no_allocations<F32>(true);
  expect_no_allocations<F32>(false, true);
  expect_no_allocations<F32>(true, true);
  expect_no_allocations<F64>(false);
}

TEST(TrainingStep, StepsOfOtherLossesAllocateNothing) {
  for (const char* kind : {"siglip", "distance", "vicreg", "mlm"}) {
    LossSettings loss;
    loss.kind = kind;
    loss.expander_width = 24;
    expect_no_allocations<F32>(false, false, loss);
  }
  LossSettings both;
  both.mlm_weight = 0.5;
  expect_no_allocations<F32>(true, false, both);
  constexpr int crops = 3;
  expect_no_allocations<F32>(false, false, {}, crops);
  expect_no_allocations<F32>(false, false, {}, 1, true);
}

}  // namespace
