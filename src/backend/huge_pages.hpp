// Huge pages: memory of the host in pages of megabytes where the operating system has them. A step
// walks through gigabytes, and with small pages a CPU spends time looking up where they lie.
#pragma once

#include <cstddef>

namespace jespr {

/// Asks for huge pages for what lies within [data, data + bytes), before it is first written. A
/// wish: where it is not granted nothing changes.
void wish_huge_pages(void* data, std::size_t bytes);

}  // namespace jespr
