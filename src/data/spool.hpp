// Values that wait on disk until their number is known: a temporary file, written once, read once.
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jespr::data {

/// A file of bytes that is gone when the object is, unless it was renamed. Failure: Error
/// (runtime), naming the file.
class Spool {
 public:
  explicit Spool(std::string path);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  void write(std::string_view bytes);
  template <class T>
  void write_value(const T& value) {
    write({reinterpret_cast<const char*>(&value), sizeof value});
  }

  /// From the first byte again, for reading.
  void rewind();
  /// Fills the span; everything must have been written.
  void read(std::span<char> bytes);
  template <class T>
  std::vector<T> read_values(std::size_t count) {
    std::vector<T> values(count);
    read({reinterpret_cast<char*>(values.data()), count * sizeof(T)});
    return values;
  }

 private:
  [[noreturn]] void fail_with(const char* what) const;
  std::string path_;
  std::FILE* file_;
};

/// Texts, and the bytes of the longest.
class TextSpool {
 public:
  explicit TextSpool(std::string path) : bytes_(std::move(path)) {}
  void write(const std::string& text);
  void rewind() { bytes_.rewind(); }
  std::vector<std::string> read(std::size_t count);
  std::uint64_t width() const { return width_; }

 private:
  Spool bytes_;
  std::uint64_t width_ = 1;
};

}  // namespace jespr::data
