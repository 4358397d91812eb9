// Sources of structure files: order, lists, archives, damage.
#include "data/archive.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace {

using namespace jespr;
namespace fs = std::filesystem;
using data::Item;

class Archives : public testing::Test {
 protected:
  Archives() : folder_(fs::temp_directory_path() / ("jespr_archive_" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "b/.hidden");
  }
  ~Archives() override { fs::remove_all(folder_); }

  std::string put(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return (folder_ / name).string();
  }

  /// A tar archive of 300 files of 1000 bytes; file 7 has an empty neighbour.
  std::string put_archive(const std::string& name) const {
    const std::string path = (folder_ / name).string();
    archive* out = archive_write_new();
    archive_write_set_format_ustar(out);
    if (name.ends_with(".xz")) archive_write_add_filter_xz(out);
    if (name.ends_with(".gz")) archive_write_add_filter_gzip(out);
    archive_write_open_filename(out, path.c_str());
    for (int i = 0; i < 300; ++i) {
      const std::string content = i == 8 ? "" : content_of(i);
      archive_entry* entry = archive_entry_new();
      archive_entry_set_pathname(entry, ("set/f" + std::to_string(i) + ".pdb").c_str());
      archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
      archive_entry_set_filetype(entry, AE_IFREG);
      archive_entry_set_perm(entry, 0644);
      archive_write_header(out, entry);
      archive_write_data(out, content.data(), content.size());
      archive_entry_free(entry);
    }
    archive_write_free(out);
    return path;
  }

  static std::string content_of(int i) {
    std::string text;
    for (int k = 0; text.size() < 1000; ++k) text += std::to_string((i + 1) * (k + 7919)) + " ";
    return text;
  }

  fs::path folder_;
};

TEST_F(Archives, FoldersListsAndFilesInOrder) {
  put("b/2.pdb", "two");
  put("b/1.cif", "one");
  put("b/.hidden/no.pdb", "no");
  put("b/.no.pdb", "no");
  const std::string single = put("z.ent", "z");
  const std::string list = put("my.list", "# files\n z.ent \n\nb/2.pdb # again\nnone.pdb\n");
  const std::vector<Item> items =
      data::list_items({single, (folder_ / "b").string(), list, "no_such_file.pdb"});
  std::vector<std::string> titles;
  for (const Item& item : items) titles.push_back(item.title());
  EXPECT_EQ(titles, (std::vector<std::string>{"z.ent", "1.cif", "2.pdb", "z.ent", "2.pdb",
                                              "none.pdb", "no_such_file.pdb"}));
  std::string contents;
  data::read_items(items, [&](std::size_t, std::string bytes, const std::string& problem) {
    contents += (problem.empty() ? bytes : "(" + problem + ")") + ";";
  });
  EXPECT_EQ(contents, "z;one;two;z;two;(No such file or directory);(No such file or directory);");
}

TEST_F(Archives, MembersStreamFromAnyPlace) {
  for (const char* name : {"a.tar", "a.tar.gz", "a.tar.xz"}) {
    const std::vector<Item> items = data::list_items({put_archive(name)});
    ASSERT_EQ(items.size(), 300u) << name;
    EXPECT_EQ(items[3].title(), std::string(name) + ":set/f3.pdb");
    EXPECT_EQ(items[3].file_name(), "f3.pdb");
    EXPECT_EQ(items[3].bytes, content_of(3).size());
    const std::span<const Item> part = std::span(items).subspan(6, 5);
    data::read_items(part, [&](std::size_t i, std::string bytes, const std::string& problem) {
      EXPECT_EQ(problem, "");
      EXPECT_EQ(bytes, i == 2 ? "" : content_of(static_cast<int>(i) + 6)) << name;
    });
  }
}

TEST_F(Archives, ACutArchiveGivesWhatIsWholeAndAReason) {
  for (const char* name : {"a.tar", "a.tar.gz", "a.tar.xz"}) {
    const std::string path = put_archive(name);
    fs::resize_file(path, fs::file_size(path) / 2);
    const std::vector<Item> items = data::list_items({path});
    ASSERT_FALSE(items.empty()) << name;
    int whole = 0, refused = 0;
    data::read_items(items, [&](std::size_t i, std::string bytes, const std::string& problem) {
      if (problem.empty()) {
        EXPECT_EQ(bytes, i == 8 ? "" : content_of(static_cast<int>(i)));
        ++whole;
      } else {
        ++refused;
      }
    });
    EXPECT_GE(refused, 1) << name;
    EXPECT_GE(whole + refused, static_cast<int>(items.size())) << name;
  }
  const std::vector<Item> items = data::list_items({put("text.tar", "this is no archive")});
  ASSERT_EQ(items.size(), 1u);
  EXPECT_NE(items[0].problem, "");
}

}  // namespace
