// Durable files by fsync and rename.
#include "io/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"

namespace jespr::io {
namespace {

std::string directory_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

[[noreturn]] void fail_file(const std::string& path, const std::string& what, int error) {
  fail(Exit::runtime, path + ": " + what + ": " + std::strerror(error));
}

}  // namespace

bool file_exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

std::uint64_t file_bytes(const std::string& path) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) fail(Exit::data, path + ": " + error.message());
  return bytes;
}

std::string read_file(const std::string& path) {
  std::string content(file_bytes(path), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(content.data(), static_cast<std::streamsize>(content.size())))
    fail(Exit::data, path + ": cannot be read: " + std::strerror(errno));
  return content;
}

std::string temporary_name(const std::string& path) { return path + ".part"; }

void make_parent_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(directory_of(path), error);
  if (error) fail_file(directory_of(path), "cannot make the directory", error.value());
}

void sync_file(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_file(path, "cannot be opened to be synced", errno);
  const int error = ::fsync(descriptor) != 0 ? errno : 0;
  ::close(descriptor);
  // Some file systems have no sync for directories and say so.
  if (error != 0 && error != EINVAL) fail_file(path, "cannot be synced to disk", error);
}

void publish_file(const std::string& temporary, const std::string& path) {
  sync_file(temporary);
  if (std::rename(temporary.c_str(), path.c_str()) != 0)
    fail_file(temporary, "cannot be renamed to " + path, errno);
  sync_file(directory_of(path));
}

void write_text_file(const std::string& path, const std::string& text) {
  const std::string temporary = temporary_name(path);
  std::ofstream out(temporary, std::ios::binary);
  out << text;
  out.close();
  if (!out) fail_file(temporary, "cannot be written", errno);
  publish_file(temporary, path);
}

std::string set_aside(const std::string& path, const std::string& extension) {
  std::string target = path + "." + extension;
  for (int number = 2; file_exists(target); ++number)
    target = path + "." + extension + std::to_string(number);
  if (std::rename(path.c_str(), target.c_str()) != 0)
    fail_file(path, "cannot be renamed to " + target, errno);
  return target;
}

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail_file(path, "cannot be removed", errno);
}

}  // namespace jespr::io
