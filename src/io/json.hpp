// A small writer of JSON (RFC 8259): what other programs read of the results.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace jespr::io {

/// Text built in the order of the calls:
///   JsonText json;
///   json.begin_object().key("loss").value(0.5).key("recall").begin_array().value(1).end_array();
///   json.end_object();
///   json.text();
/// Whether begin and end, keys and values match is the caller's care.
class JsonText {
 public:
  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array() { return open('['); }
  JsonText& end_array() { return close(']'); }
  JsonText& key(std::string_view name);
  JsonText& value(std::string_view text);
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  /// The shortest digits that give the same number back; null unless finite.
  JsonText& value(double number);
  JsonText& value(std::int64_t number);
  JsonText& value(int number) { return value(static_cast<std::int64_t>(number)); }
  JsonText& value(bool truth);

  /// Everything so far, with a newline at the end.
  std::string text() const { return text_ + "\n"; }

 private:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  void start_item();
  void quote(std::string_view text);
  void new_line();

  std::string text_;
  int depth_ = 0;
  bool first_ = true;  // no item yet in the innermost bracket
  bool after_key_ = false;
};

}  // namespace jespr::io
