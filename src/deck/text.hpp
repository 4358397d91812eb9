// Plain text: characters of names, lower case, wrapped lines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jespr::deck {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// ASCII letters in lower case, all else as it is.
inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string lower(std::string_view text);

/// `first` and the words of `text` behind it, broken so that no line exceeds 100 columns where the
/// words allow it; further lines begin with `next`. Ends with a newline.
std::string wrapped(std::string_view first, std::string_view next, std::string_view text);

}  // namespace jespr::deck
