// Arena: growth and accounting of the two stacks.
#include "tensor/arena.hpp"

#include <algorithm>
#include <cassert>

namespace jespr {
namespace {

constexpr std::size_t alignment = 256;            // a GPU's transaction, four CPU cache lines
constexpr std::size_t smallest_block = 16 << 20;  // fewer, larger blocks while sizes are unknown

std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

}  // namespace

Stack::~Stack() {
  for (const Block& block : blocks_) Kokkos::kokkos_free<DeviceMemory>(block.data);
}

void Stack::add_block(std::size_t size) {
  void* data = nullptr;
  try {
    // Kokkos aligns to 64 bytes on the host; the surplus makes room for our own alignment.
    data = Kokkos::kokkos_malloc<DeviceMemory>(name_, size + alignment);
  } catch (const std::exception&) {
    fail(Exit::runtime, std::string("out of memory: ") + std::to_string((size + capacity()) >> 20) +
                            " MiB needed for the step's " + name_ +
                            "; use more shards (batch.shards) or batch.recompute = .true.");
  }
  blocks_.push_back({static_cast<std::byte*>(data), size});
  ++allocations_;
}

void* Stack::take(std::size_t bytes) {
  const std::size_t size = aligned(std::max<std::size_t>(bytes, 1));
  while (top_.block < blocks_.size() && top_.offset + size > blocks_[top_.block].size) {
    ++top_.block;
    top_.offset = 0;
  }
  if (top_.block == blocks_.size()) {
    add_block(std::max({size, smallest_block, capacity()}));
    top_.offset = 0;
  }
  const auto base = reinterpret_cast<std::uintptr_t>(blocks_[top_.block].data);
  void* place = reinterpret_cast<void*>(aligned(base) + top_.offset);
  top_.offset += size;
  high_water_ = std::max(high_water_, in_use());
  return place;
}

void Stack::release(Mark mark) {
  assert(mark.block < top_.block || (mark.block == top_.block && mark.offset <= top_.offset));
  top_ = mark;
}

void Stack::settle() {
  assert(in_use() == 0);
  if (blocks_.size() <= 1) return;
  for (const Block& block : blocks_) Kokkos::kokkos_free<DeviceMemory>(block.data);
  blocks_.clear();
  top_ = {};
  add_block(high_water_);
}

std::size_t Stack::in_use() const {
  std::size_t bytes = top_.offset;
  for (std::size_t b = 0; b < top_.block && b < blocks_.size(); ++b) bytes += blocks_[b].size;
  return bytes;
}

std::size_t Stack::capacity() const {
  std::size_t bytes = 0;
  for (const Block& block : blocks_) bytes += block.size;
  return bytes;
}

}  // namespace jespr
