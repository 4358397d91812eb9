// Temporary files.
#include "data/spool.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"

namespace jespr::data {

Spool::Spool(std::string path) : path_(std::move(path)), file_(std::fopen(path_.c_str(), "w+b")) {
  if (!file_) fail_with("cannot be created");
}

Spool::~Spool() {
  std::fclose(file_);
  std::remove(path_.c_str());
}

void Spool::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
    fail_with("cannot be written");
}

void Spool::rewind() {
  if (std::fflush(file_) != 0 || std::fseek(file_, 0, SEEK_SET) != 0)
    fail_with("cannot be written");
}

void Spool::read(std::span<char> bytes) {
  if (std::fread(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail_with("cannot be read");
}

void Spool::fail_with(const char* what) const {
  fail(Exit::runtime, path_ + ": " + what + ": " + std::strerror(errno));
}

void TextSpool::write(const std::string& text) {
  bytes_.write_value(static_cast<std::uint32_t>(text.size()));
  bytes_.write(text);
  width_ = std::max<std::uint64_t>(width_, text.size());
}

std::vector<std::string> TextSpool::read(std::size_t count) {
  std::vector<std::string> texts(count);
  for (std::string& text : texts) {
    text.resize(bytes_.read_values<std::uint32_t>(1).front());
    bytes_.read(text);
  }
  return texts;
}

}  // namespace jespr::data
