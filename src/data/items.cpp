// Files, folders, lists and archives.
#include "data/items.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <string_view>

#include "base/error.hpp"
#include "data/archive.hpp"
#include "data/chain_choice.hpp"
#include "data/structure_file.hpp"
#include "data/utf8.hpp"

namespace jespr::data {
namespace {

namespace fs = std::filesystem;

/// In the order in which a list's name without its ending is completed.
constexpr std::array<std::string_view, 8> structure_endings = {
    ".cif.gz", ".cif", ".pdb.gz", ".pdb", ".ent.gz", ".ent", ".mmcif.gz", ".mmcif"};

char lower(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool ends_with_any(std::string_view path, std::span<const std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return has_ending(path, ending); });
}

bool is_archive(const std::string& path) {
  constexpr std::array<std::string_view, 8> endings = {".tar", ".tar.gz",  ".tgz",     ".tar.xz",
                                                       ".txz", ".tar.zst", ".tar.bz2", ".tbz2"};
  return ends_with_any(path, endings);
}

/// The file of that name; of a name that lacks its ending the first of these that is there.
std::string with_ending(const std::string& path) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(path, error))) return path;
  for (const std::string_view ending : structure_endings)
    if (std::string whole = path + std::string(ending); fs::exists(whole, error)) return whole;
  return path;
}

// ---- Listing

/// Collects the items of the sources.
class Lister {
 public:
  void add_source(const std::string& path, bool from_list) {
    const std::size_t before = items_.size();
    std::error_code error;
    if (fs::is_directory(path, error))
      add_folder(path);
    else if (!from_list && is_list(path) && fs::is_regular_file(path, error))
      add_list(path);
    else
      add_named(path);
    if (items_.size() == before) add_problem(path, "there is no file in it");
  }

  std::vector<Item> take() { return std::move(items_); }

 private:
  void add(const std::string& path, const std::string& member, std::size_t place,
           std::uint64_t bytes) {
    Item item{path, member, place, bytes, "", "", ""};
    if (bytes > largest_structure_bytes && !is_fasta(path)) {
      item.problem = fmt::format("{} bytes, more than the {} that a structure may have", bytes,
                                 largest_structure_bytes);
      item.bytes = 0;
    }
    items_.push_back(std::move(item));
  }

  void add_problem(const std::string& path, const std::string& problem) {
    items_.push_back({path, "", 0, 0, problem, "", ""});
  }

  void add_archive(const std::string& path) {
    Archive archive(path);
    while (archive.next()) add(path, archive.name(), archive.passed(), archive.bytes());
    if (!archive.problem().empty()) add_problem(path, archive.problem());
  }

  void add_file(const std::string& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status)) {
      std::error_code no_link;
      const bool dangling = status.type() == fs::file_type::not_found &&
                            fs::is_symlink(fs::symlink_status(path, no_link));
      return add_problem(path, dangling ? "a link to nothing" : error.message());
    }
    if (!fs::is_regular_file(status)) return add_problem(path, "neither a file nor a folder");
    const std::uintmax_t bytes = fs::file_size(path, error);
    if (error)
      add_problem(path, error.message());
    else if (is_archive(path))
      add_archive(path);
    else
      add(path, "", 0, bytes);
  }

  /// A file that the deck or a list names.
  void add_named(const std::string& path) {
    const std::size_t before = items_.size();
    add_file(path);
    for (std::size_t i = before; i < items_.size(); ++i)
      items_[i].is_named = items_[i].member.empty();
  }

  struct Found {
    std::string path, problem;
  };

  void add_folder(const std::string& path) {
    std::vector<Found> found;
    std::set<std::string> entered;
    walk(path, entered, found);
    std::sort(found.begin(), found.end(),
              [](const Found& a, const Found& b) { return a.path < b.path; });
    for (const Found& entry : found)
      if (entry.problem.empty())
        add_file(entry.path);
      else
        add_problem(entry.path, entry.problem);
  }

  /// All files below a folder, and the folders that cannot be read. Links to folders are followed,
  /// but none into a folder that was `entered`: so a ring of links has an end.
  static void walk(const fs::path& folder, std::set<std::string>& entered,
                   std::vector<Found>& found) {
    std::error_code error;
    const fs::path true_place = fs::canonical(folder, error);
    if (!entered.insert((error ? folder : true_place).string()).second)
      return found.push_back({folder.string(), "a link to a folder that is read already"});
    std::vector<fs::path> entries;
    for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
         entry.increment(error))
      if (!entry->path().filename().string().starts_with('.')) entries.push_back(entry->path());
    if (error) found.push_back({folder.string(), "the folder cannot be read: " + error.message()});
    std::sort(entries.begin(), entries.end());
    for (const fs::path& entry : entries)
      if (fs::is_directory(entry, error))
        walk(entry, entered, found);
      else
        found.push_back({entry.string(), ""});
  }

  void add_list(const std::string& path) {
    std::ifstream list(path);
    if (!list) return add_problem(path, std::strerror(errno));
    bool is_first = true;
    for (std::string line; std::getline(list, line); is_first = false) {
      if (is_first && line.starts_with(byte_order_mark)) line.erase(0, byte_order_mark.size());
      line.erase(std::min(line.size(), line.find('#')));
      const std::size_t begin = line.find_first_not_of(" \t\r");
      if (begin == std::string::npos) continue;
      line = line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
      add_line((fs::path(path).parent_path() / line).string());
    }
  }

  /// PATH or PATH:SELECTION; a file with a colon in its name is taken as it is.
  void add_line(const std::string& line) {
    const std::size_t colon = line.find(':', line.rfind('/') + 1);
    std::error_code error;
    if (colon == std::string::npos || fs::exists(fs::symlink_status(line, error)))
      return add_source(with_ending(line), true);
    const std::string path = with_ending(line.substr(0, colon));
    const std::string selection = line.substr(colon + 1);
    if (fs::is_directory(path, error) || is_archive(path))
      return add_problem(line, "only of a single file a chain can be selected");
    try {
      parse_selection(selection);
    } catch (const Error& problem) {
      return add_problem(line, problem.what());
    }
    add_named(path);
    items_.back().selection = selection;
  }

  std::vector<Item> items_;
};

// ---- Titles

fs::path absolute(const std::string& path) {
  const fs::path normal = fs::absolute(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();  // "a/" is "a"
}

/// The deepest folder that holds all sources; a source that is a folder may be that itself.
fs::path common_folder(const std::vector<std::string>& sources) {
  std::optional<fs::path> common;
  for (const std::string& source : sources) {
    std::error_code error;
    const fs::path folder =
        fs::is_directory(source, error) ? absolute(source) : absolute(source).parent_path();
    if (!common) common = folder;
    fs::path shared;
    for (auto a = common->begin(), b = folder.begin();
         a != common->end() && b != folder.end() && *a == *b; ++a, ++b)
      shared /= *a;
    common = shared;
  }
  return common.value_or("");
}

/// `path` below the folder; as it is where it lies elsewhere, or where only the root is shared.
std::string title_below(const fs::path& folder, const std::string& path) {
  const fs::path whole = absolute(path);
  const fs::path relative = whole.lexically_relative(folder);
  if (!folder.has_relative_path() || relative.empty() || *relative.begin() == "..")
    return whole.string();
  return relative == "." ? whole.filename().string() : relative.string();
}

// ---- Reading

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

/// The archive that is open, for members that are asked for in order.
class OpenArchive {
 public:
  std::string read(const Item& item, std::string& problem) {
    if (!archive_ || path_ != item.path || archive_->passed() >= item.place) {
      archive_.emplace(item.path);
      path_ = item.path;
    }
    while (archive_->passed() < item.place && archive_->next()) continue;
    std::string content;
    if (archive_->problem().empty() &&
        (archive_->passed() != item.place || archive_->name() != item.member ||
         archive_->bytes() != item.bytes))
      problem = "the archive was changed while it was read";
    else if (archive_->problem().empty())
      content = archive_->read();
    if (problem.empty()) problem = archive_->problem();
    return content;
  }

 private:
  std::string path_;
  std::optional<Archive> archive_;
};

}  // namespace

bool has_ending(std::string_view path, std::string_view ending) {
  return path.size() >= ending.size() &&
         std::equal(ending.begin(), ending.end(),
                    path.end() - static_cast<std::ptrdiff_t>(ending.size()),
                    [](char a, char b) { return lower(a) == lower(b); });
}

bool is_list(std::string_view path) {
  constexpr std::array<std::string_view, 2> endings = {".txt", ".list"};
  return ends_with_any(path, endings);
}

bool is_structure(std::string_view path) { return ends_with_any(path, structure_endings); }

bool is_fasta(std::string_view path) {
  constexpr std::array<std::string_view, 8> endings = {".fasta", ".fasta.gz", ".fa",  ".fa.gz",
                                                       ".faa",   ".faa.gz",   ".fas", ".fas.gz"};
  return ends_with_any(path, endings);
}

std::string Item::file_name() const {
  return fs::path(member.empty() ? path : member).filename().string();
}

std::vector<Item> list_items(const std::vector<std::string>& sources) {
  Lister lister;
  for (const std::string& source : sources) lister.add_source(source, false);
  std::vector<Item> items = lister.take();
  const fs::path folder = common_folder(sources);
  for (Item& item : items) {
    item.title = title_below(folder, item.path);
    if (!item.member.empty()) item.title += ":" + item.member;
  }
  return items;
}

void read_items(std::span<const Item> items,
                const std::function<void(std::size_t, std::string, const std::string&)>& use) {
  OpenArchive archive;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    std::string problem = item.problem, content;
    try {
      if (problem.empty())
        content = item.member.empty() ? read_file(item.path, item.bytes, problem)
                                      : archive.read(item, problem);
    } catch (const std::bad_alloc&) {
      problem = "not enough memory to read it";
    }
    use(i, std::move(content), problem);
  }
}

}  // namespace jespr::data
