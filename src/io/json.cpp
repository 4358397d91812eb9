// JSON writer.
#include "io/json.hpp"

#include <charconv>
#include <cmath>

namespace jespr::io {

JsonText& JsonText::open(char bracket) {
  start_item();
  text_ += bracket;
  ++depth_;
  first_ = true;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  --depth_;
  if (!first_) new_line();
  text_ += bracket;
  first_ = false;
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  start_item();
  quote(name);
  text_ += ": ";
  after_key_ = true;
  return *this;
}

JsonText& JsonText::value(std::string_view text) {
  start_item();
  quote(text);
  return *this;
}

JsonText& JsonText::value(double number) {
  start_item();
  if (!std::isfinite(number)) {
    text_ += "null";
    return *this;
  }
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, number);
  text_.append(digits, end.ptr);
  return *this;
}

JsonText& JsonText::value(std::int64_t number) {
  start_item();
  text_ += std::to_string(number);
  return *this;
}

JsonText& JsonText::value(bool truth) {
  start_item();
  text_ += truth ? "true" : "false";
  return *this;
}

/// The comma and line break before an item, unless it follows its key.
void JsonText::start_item() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (depth_ == 0) return;
  if (!first_) text_ += ',';
  new_line();
  first_ = false;
}

void JsonText::new_line() {
  text_ += '\n';
  text_.append(2 * static_cast<std::size_t>(depth_), ' ');
}

void JsonText::quote(std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  text_ += '"';
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (c == '\n') {
      text_ += "\\n";
    } else if (code < 0x20) {
      text_ += "\\u00";
      text_ += digits[code >> 4];
      text_ += digits[code & 15];
    } else {
      text_ += c;
    }
  }
  text_ += '"';
}

}  // namespace jespr::io
