// Gzip in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jespr::data {

bool is_gzip(std::string_view bytes);

/// The content of gzip data, all members of it; lengths and checksums are tested. Failure: Error
/// (data) with the reason, also as soon as there are more than `most` bytes.
std::string gunzip(std::string_view bytes, std::uint64_t most);

}  // namespace jespr::data
