// Members of a tar archive.
#include "data/archive.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>

namespace jespr::data {
namespace {

constexpr std::size_t archive_block = 1 << 20;

}  // namespace

Archive::Archive(const std::string& path) : archive_(archive_read_new(), archive_read_free) {
  archive_read_support_filter_all(archive_.get());
  archive_read_support_format_tar(archive_.get());
  if (archive_read_open_filename(archive_.get(), path.c_str(), archive_block) != ARCHIVE_OK)
    problem_ = reason();
}

bool Archive::next() {
  while (problem_.empty()) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_.get(), &entry);
    if (status == ARCHIVE_EOF) return false;
    if (status < ARCHIVE_WARN) {
      problem_ = reason();
      return false;
    }
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    const char* name = archive_entry_pathname(entry);
    if (!name) name = archive_entry_pathname_utf8(entry);
    name_ = name ? name : "?";
    bytes_ = static_cast<std::uint64_t>(std::max<la_int64_t>(0, archive_entry_size(entry)));
    ++passed_;
    return true;
  }
  return false;
}

std::string Archive::read() {
  std::string content;
  std::size_t done = 0;
  while (done < bytes_) {
    content.resize(static_cast<std::size_t>(std::min<std::uint64_t>(bytes_, done + archive_block)));
    const la_ssize_t got =
        archive_read_data(archive_.get(), content.data() + done, content.size() - done);
    if (got <= 0) {
      problem_ = got < 0 ? reason() : "the member is cut short";
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  content.resize(done);
  return content;
}

std::string Archive::reason() const {
  const char* text = archive_error_string(archive_.get());
  return std::string("damaged archive: ") + (text ? text : "unknown error");
}

}  // namespace jespr::data
