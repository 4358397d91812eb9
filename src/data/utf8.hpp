// UTF-8, the encoding of all texts in a dataset.
#pragma once

#include <cstddef>
#include <string_view>

namespace jespr::data {

/// Some editors begin UTF-8 with it.
inline constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// How many bytes at the start of the text are well-formed UTF-8 (RFC 3629); all of them if it is.
std::size_t valid_utf8(std::string_view text);

}  // namespace jespr::data
