// Huge pages: the operating system has heard the wish for whole pages within a range, and only for
// those.
#include "backend/huge_pages.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

namespace {

using namespace jespr;

constexpr std::size_t page = std::size_t{2} << 20;

/// The flags that Linux has noted for the mapping in which `place` lies (proc(5), VmFlags).
std::string flags_of(const void* place) {
  std::ifstream maps("/proc/self/smaps");
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream words(line);
    if (words >> std::hex >> begin >> dash >> end && dash == '-')
      here = begin <= reinterpret_cast<std::uintptr_t>(place) &&
             reinterpret_cast<std::uintptr_t>(place) < end;
    if (here && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

TEST(HugePages, AreWishedForWithinARange) {
  const bool known = std::filesystem::exists("/sys/kernel/mm/transparent_hugepage/enabled");
  const std::unique_ptr<char, void (*)(void*)> memory(
      static_cast<char*>(std::aligned_alloc(page, 6 * page)), std::free);
  char* const begin = memory.get();
  wish_huge_pages(begin + 1, 3 * page);  // pages 1 and 2 are whole in it
  const auto wished = [&](int i) {
    return flags_of(begin + static_cast<std::size_t>(i) * page).find(" hg ") != std::string::npos;
  };
  EXPECT_EQ(wished(1), known);
  EXPECT_EQ(wished(2), known);
  EXPECT_FALSE(wished(0));
  EXPECT_FALSE(wished(3));
  wish_huge_pages(begin + 4 * page + 1, page);  // none
  EXPECT_FALSE(wished(4));
  begin[page] = 1;
  EXPECT_EQ(begin[page], 1);
}

}  // namespace
