// SHA-256, for the provenance of files.
#pragma once

#include <string>
#include <string_view>

namespace jespr::data {

/// SHA-256 (FIPS 180-4) of the bytes as 64 hexadecimal digits.
std::string sha256(std::string_view bytes);

/// Bytes as hexadecimal digits, two each.
std::string hexadecimal(std::string_view bytes);

}  // namespace jespr::data
