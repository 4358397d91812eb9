// The bytes of a file, plain or gzip, in blocks, of any size; with the hash of the file as it lies.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace jespr::data {

class ByteStream {
 public:
  /// Failure: Error (data) when the file cannot be opened.
  explicit ByteStream(const std::string& path);
  ~ByteStream();
  ByteStream(ByteStream&&) noexcept;

  /// The next bytes of the content, valid until the next call; nothing at the end or at a problem.
  std::string_view next();
  /// What is wrong with the file, "" as long as nothing is: damaged or cut gzip data, unreadable.
  const std::string& problem() const;
  /// How many bytes of the file itself were read.
  std::uint64_t position() const;
  /// SHA-256 of all bytes of the file that were read, as hexadecimal digits; at the end.
  std::string sha256();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jespr::data
