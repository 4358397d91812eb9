// Plain text: lower case, wrapped lines.
#include "deck/text.hpp"

#include <algorithm>

namespace jespr::deck {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), [](char c) { return lower(c); });
  return result;
}

std::string wrapped(std::string_view first, std::string_view next, std::string_view text) {
  constexpr std::size_t columns = 100;
  std::string result, line(first);
  bool fresh = true;  // no word on this line yet
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!fresh && line.size() + 1 + word.size() > columns) {
      result.append(line).append("\n");
      line = next;
      fresh = true;
    }
    if (!fresh) line += ' ';
    line += word;
    fresh = false;
  }
  return result.append(line).append("\n");
}

}  // namespace jespr::deck
