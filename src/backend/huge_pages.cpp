// Huge pages by madvise(2), which Linux asks for unless it gives them to everybody.
#include "backend/huge_pages.hpp"

#include <sys/mman.h>

#include <cstdint>

namespace jespr {

void wish_huge_pages(void* data, std::size_t bytes) {
  constexpr std::uintptr_t page = std::uintptr_t{2} << 20;  // of x86-64 and of most AArch64
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const std::uintptr_t begin = (address + page - 1) / page * page,
                       end = (address + bytes) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

}  // namespace jespr
