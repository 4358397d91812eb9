// Files, directories, lists and archives (by libarchive).
#include "data/archive.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>

namespace jespr::data {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t block_bytes = 1 << 20;

bool ends_with_any(const std::string& path, std::span<const std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return path.ends_with(ending); });
}

bool is_archive(const std::string& path) {
  constexpr std::array<std::string_view, 8> endings = {".tar", ".tar.gz",  ".tgz",     ".tar.xz",
                                                       ".txz", ".tar.zst", ".tar.bz2", ".tbz2"};
  return ends_with_any(path, endings);
}

bool is_list(const std::string& path) {
  constexpr std::array<std::string_view, 2> endings = {".txt", ".list"};
  return ends_with_any(path, endings);
}

/// A stream over the members of a tar archive.
class Archive {
 public:
  explicit Archive(const std::string& path) : archive_(archive_read_new(), archive_read_free) {
    archive_read_support_filter_all(archive_.get());
    archive_read_support_format_tar(archive_.get());
    if (archive_read_open_filename(archive_.get(), path.c_str(), block_bytes) != ARCHIVE_OK)
      problem_ = reason();
  }

  /// Moves to the next regular file; false at the end or at a problem.
  bool next() {
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
      return true;
    }
    return false;
  }

  /// Content of the current member; problem() when it breaks off.
  std::string read() {
    std::string content(bytes_, '\0');
    std::size_t done = 0;
    while (done < content.size()) {
      const la_ssize_t got =
          archive_read_data(archive_.get(), content.data() + done, content.size() - done);
      if (got <= 0) {
        problem_ = got < 0 ? reason() : "the member is cut short";
        break;
      }
      done += static_cast<std::size_t>(got);
    }
    return content;
  }

  const std::string& name() const { return name_; }
  std::uint64_t bytes() const { return bytes_; }
  const std::string& problem() const { return problem_; }

 private:
  std::string reason() const {
    const char* text = archive_error_string(archive_.get());
    return std::string("damaged archive: ") + (text ? text : "unknown error");
  }

  std::unique_ptr<archive, int (*)(archive*)> archive_;
  std::string name_, problem_;
  std::uint64_t bytes_ = 0;
};

void add_archive(const std::string& path, std::vector<Item>& items) {
  Archive archive(path);
  while (archive.next()) items.push_back({path, archive.name(), archive.bytes(), ""});
  if (!archive.problem().empty()) items.push_back({path, "", 0, archive.problem()});
}

void add_file(const std::string& path, std::vector<Item>& items) {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  if (error)
    items.push_back({path, "", 0, error.message()});
  else if (is_archive(path))
    add_archive(path, items);
  else
    items.push_back({path, "", bytes, ""});
}

void add_directory(const std::string& path, std::vector<Item>& items) {
  std::vector<std::string> files;
  std::error_code error;
  fs::recursive_directory_iterator entry(path, error);
  while (!error && entry != fs::recursive_directory_iterator()) {
    const bool hidden = entry->path().filename().string().starts_with('.');
    if (hidden && entry->is_directory(error)) entry.disable_recursion_pending();
    if (!hidden && entry->is_regular_file(error)) files.push_back(entry->path().string());
    entry.increment(error);
  }
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) add_file(file, items);
  if (error) items.push_back({path, "", 0, error.message()});
}

void add_source(const std::string& path, bool from_list, std::vector<Item>& items);

void add_list(const std::string& path, std::vector<Item>& items) {
  std::ifstream list(path);
  if (!list) {
    items.push_back({path, "", 0, std::strerror(errno)});
    return;
  }
  for (std::string line; std::getline(list, line);) {
    line.erase(std::min(line.size(), line.find('#')));
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string::npos) continue;
    line = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
    add_source((fs::path(path).parent_path() / line).string(), true, items);
  }
}

void add_source(const std::string& path, bool from_list, std::vector<Item>& items) {
  std::error_code error;
  if (fs::is_directory(path, error))
    add_directory(path, items);
  else if (!from_list && is_list(path))
    add_list(path, items);
  else
    add_file(path, items);
}

std::string read_file(const std::string& path, std::uint64_t bytes, std::string& problem) {
  std::ifstream file(path, std::ios::binary);
  std::string content(bytes, '\0');
  if (!file) {
    problem = std::strerror(errno);
  } else if (!file.read(content.data(), static_cast<std::streamsize>(bytes))) {
    problem = "the file became shorter while it was read";
  }
  return content;
}

}  // namespace

std::string Item::title() const {
  const std::string name = fs::path(path).filename().string();
  return member.empty() ? name : name + ":" + member;
}

std::string Item::file_name() const {
  return fs::path(member.empty() ? path : member).filename().string();
}

std::vector<Item> list_items(const std::vector<std::string>& sources) {
  std::vector<Item> items;
  for (const std::string& source : sources) add_source(source, false, items);
  return items;
}

void read_items(std::span<const Item> items,
                const std::function<void(std::size_t, std::string, const std::string&)>& use) {
  std::unique_ptr<Archive> archive;
  std::string open_path;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    std::string problem = item.problem, content;
    if (problem.empty() && item.member.empty()) {
      content = read_file(item.path, item.bytes, problem);
    } else if (problem.empty()) {
      if (open_path != item.path) {
        archive = std::make_unique<Archive>(item.path);
        open_path = item.path;
      }
      bool found = false;
      while (!found && archive->next()) found = archive->name() == item.member;
      if (found) content = archive->read();
      problem = archive->problem();
      if (!found && problem.empty()) problem = "no longer in the archive";
    }
    use(i, std::move(content), problem);
  }
}

}  // namespace jespr::data
