// Arena: growth and accounting of the two stacks.
#include "tensor/arena.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "backend/huge_pages.hpp"
#include "base/timer.hpp"

namespace jespr {
namespace {

constexpr std::size_t alignment = 256;            // a GPU's transaction, four CPU cache lines
constexpr std::size_t smallest_block = 16 << 20;  // fewer, larger blocks while sizes are unknown

std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

}  // namespace

Stack::~Stack() { free_blocks(); }

void Stack::free_blocks() {
  for (const Block& block : blocks_) {
    if (memory_ == Memory::device)
      Kokkos::kokkos_free<DeviceMemory>(block.data);
    else
      Kokkos::kokkos_free<Kokkos::HostSpace>(block.data);
  }
  blocks_.clear();
}

bool Stack::add_block(std::size_t size) {
  try {
    // Kokkos aligns to 64 bytes on the host; the surplus makes room for our own alignment.
    void* data = memory_ == Memory::device
                     ? Kokkos::kokkos_malloc<DeviceMemory>(name_, size + alignment)
                     : Kokkos::kokkos_malloc<Kokkos::HostSpace>(name_, size + alignment);
    if (memory_ == Memory::host || device_is_host) wish_huge_pages(data, size + alignment);
    blocks_.push_back({static_cast<std::byte*>(data), size});
  } catch (const std::exception&) {
    return false;
  }
  ++allocations_;
  return true;
}

void Stack::grow(std::size_t needed) {
  // In large pieces, that there be few; where memory is short, by what is needed.
  const std::size_t wanted = std::max({needed, smallest_block, capacity() / 4});
  if (add_block(wanted) || (wanted > needed && add_block(needed))) return;
  fail(Exit::runtime,
       fmt::format("out of memory: the step's {} need {} more than the {} that they have; use more "
                   "shards (batch.shards) or batch.recompute = .true.",
                   name_, format_bytes(static_cast<double>(needed)),
                   format_bytes(static_cast<double>(capacity()))));
}

void* Stack::take(std::size_t bytes) {
  const std::size_t size = aligned(std::max<std::size_t>(bytes, 1));
  while (top_.block < blocks_.size() && top_.offset + size > blocks_[top_.block].size) {
    ++top_.block;
    top_.offset = 0;
  }
  if (top_.block == blocks_.size()) {
    grow(size);
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

void Stack::settle(std::size_t bytes) {
  assert(in_use() == 0);
  if (blocks_.size() <= 1 && bytes <= capacity()) return;
  free_blocks();
  top_ = {};
  if (!add_block(std::max(high_water_, bytes))) grow(high_water_);
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
