// Gzip in memory.
#pragma once

#include <string>
#include <string_view>

namespace jespr::data {

bool is_gzip(std::string_view bytes);

/// The content of gzip data, all members of it; lengths and checksums are tested. Failure: Error
/// (data) with the reason.
std::string gunzip(std::string_view bytes);

}  // namespace jespr::data
