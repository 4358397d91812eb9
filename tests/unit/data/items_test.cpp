// Sources of structure files: order, lists, archives, damage.
#include "data/items.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace jespr;
namespace fs = std::filesystem;
using data::Item;

class Items : public testing::Test {
 protected:
  Items() : folder_(fs::temp_directory_path() / ("jespr_items_" + std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "b/.hidden");
  }
  ~Items() override { fs::remove_all(folder_); }

  std::string put(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return (folder_ / name).string();
  }

  /// A tar archive of 300 files of 1000 bytes; file 7 has an empty neighbour.
  std::string put_archive(const std::string& name) const {
    std::vector<std::pair<std::string, std::string>> members;
    for (int i = 0; i < 300; ++i)
      members.emplace_back("set/f" + std::to_string(i) + ".pdb", i == 8 ? "" : content_of(i));
    return put_archive(name, members);
  }

  std::string put_archive(const std::string& name,
                          const std::vector<std::pair<std::string, std::string>>& members) const {
    const std::string path = (folder_ / name).string();
    archive* out = archive_write_new();
    archive_write_set_format_ustar(out);
    if (name.ends_with(".xz")) archive_write_add_filter_xz(out);
    if (name.ends_with(".gz")) archive_write_add_filter_gzip(out);
    archive_write_open_filename(out, path.c_str());
    for (const auto& [member, content] : members) {
      archive_entry* entry = archive_entry_new();
      archive_entry_set_pathname(entry, member.c_str());
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

  /// What reading gives for each item, in order: its bytes or "(PROBLEM)".
  static std::vector<std::string> contents_of(std::span<const Item> items) {
    std::vector<std::string> contents;
    data::read_items(items, [&](std::size_t, std::string bytes, const std::string& problem) {
      contents.push_back(problem.empty() ? bytes : "(" + problem + ")");
    });
    return contents;
  }

  /// Problem of each item of a source by the item's title.
  static std::map<std::string, std::string> problems_in(const fs::path& source) {
    std::map<std::string, std::string> problems;
    for (const Item& item : data::list_items({source.string()}))
      problems[item.title] = item.problem;
    return problems;
  }

  fs::path folder_;
};

TEST_F(Items, FoldersListsAndFilesInOrder) {
  put("b/2.pdb", "two");
  put("b/1.cif", "one");
  put("b/.hidden/no.pdb", "no");
  put("b/.no.pdb", "no");
  const std::string single = put("z.ent", "z");
  const std::string list = put("my.list", "# files\n z.ent \n\nb/2.pdb # again\nnone.pdb\n");
  const std::string none = (folder_ / "no_such_file.pdb").string();
  const std::vector<Item> items = data::list_items({single, (folder_ / "b").string(), list, none});
  std::vector<std::string> titles;
  for (const Item& item : items) titles.push_back(item.title);
  EXPECT_EQ(titles, (std::vector<std::string>{"z.ent", "b/1.cif", "b/2.pdb", "z.ent", "b/2.pdb",
                                              "none.pdb", "no_such_file.pdb"}));
  EXPECT_EQ(contents_of(items),
            (std::vector<std::string>{"z", "one", "two", "z", "two", "(No such file or directory)",
                                      "(No such file or directory)"}));
}

/// What the deck or a list names, and what folders and archives bring along.
TEST_F(Items, NamedOrFound) {
  put("b/1.pdb", "one");
  put("2.pdb", "two");
  const std::string archive = put_archive("x.tar", {{"3.pdb", "three"}});
  const std::string list = put("my.list", "2.pdb\n2.pdb:A\nb\nx.tar\n");
  std::string found;
  for (const Item& item : data::list_items({list, (folder_ / "2.pdb").string(), archive}))
    found += item.title + (item.is_named ? " named\n" : " found\n");
  EXPECT_EQ(found,
            "2.pdb named\n2.pdb named\nb/1.pdb found\nx.tar:3.pdb found\n2.pdb named\n"
            "x.tar:3.pdb found\n");
}

TEST_F(Items, AListMayBeginWithAByteOrderMark) {
  put("1.pdb", "one");
  put("2.pdb", "two");
  const std::string list = put("my.txt",
                               "\xef\xbb\xbf"
                               "1.pdb\r\n2.pdb\r\n");
  EXPECT_EQ(contents_of(data::list_items({list})), (std::vector<std::string>{"one", "two"}));
}

/// Lines of lists may leave out the ending and say what of the file is wanted.
TEST_F(Items, SelectionsInLists) {
  put("1abc.pdb", "pdb");
  put("1abc.cif.gz", "cif");
  put("2x:y.pdb", "colon");
  put_archive("x.tar", {{"p/1.cif", "p"}});
  const std::string list = put("my.list",
                               "1abc\n1abc:A\n1abc.pdb:B:-5-20,30A\n2x:y.pdb\n2x:y\nb:A\nx.tar:A\n"
                               "1abc:A:9-1\nnone:A\n");
  const std::vector<Item> items = data::list_items({list});
  std::vector<std::string> found;
  for (const Item& item : items)
    found.push_back(fs::path(item.path).filename().string() + "|" + item.selection + "|" +
                    item.problem);
  EXPECT_EQ(
      found,
      (std::vector<std::string>{
          "1abc.cif.gz||", "1abc.cif.gz|A|", "1abc.pdb|B:-5-20,30A|", "2x:y.pdb||",
          "2x|y|No such file or directory", "b:A||only of a single file a chain can be selected",
          "x.tar:A||only of a single file a chain can be selected",
          "1abc:A:9-1||'A:9-1' is no selection, expected CHAIN or "
          "CHAIN:FIRST-LAST,...; numbers as 10, -5 or 52A, - for a chain without an id",
          "none|A|No such file or directory"}));
  EXPECT_EQ(contents_of(items)[2], "pdb");
}

TEST_F(Items, TitlesArePathsBelowTheSources) {
  fs::create_directories(folder_ / "b/sub");
  put("b/1.cif", "one");
  put("b/sub/1.cif", "other");
  put_archive("b/x.tar", {{"p/1.cif", "p"}, {"q/1.cif", "q"}});
  const auto titles_of = [](const std::vector<std::string>& sources) {
    std::vector<std::string> titles;
    for (const Item& item : data::list_items(sources)) titles.push_back(item.title);
    return titles;
  };
  const std::string b = (folder_ / "b").string(), sub = (folder_ / "b/sub").string();
  EXPECT_EQ(titles_of({b}),
            (std::vector<std::string>{"1.cif", "sub/1.cif", "x.tar:p/1.cif", "x.tar:q/1.cif"}));
  EXPECT_EQ(titles_of({sub + "/"}), (std::vector<std::string>{"1.cif"}));
  EXPECT_EQ(titles_of({sub, b + "/1.cif"}), (std::vector<std::string>{"sub/1.cif", "1.cif"}));
  EXPECT_EQ(titles_of({b + "/x.tar"}),
            (std::vector<std::string>{"x.tar:p/1.cif", "x.tar:q/1.cif"}));
  // What a list names elsewhere keeps its path.
  const std::string list = put("b/sub/my.list", "../1.cif\n1.cif\n");
  EXPECT_EQ(titles_of({list}), (std::vector<std::string>{b + "/1.cif", "1.cif"}));
}

TEST_F(Items, WhatIsNoFileIsAnItemWithAProblem) {
  put("b/1.cif", "one");
  fs::create_directories(folder_ / "b/empty");
  fs::create_directories(folder_ / "far");
  put("far/2.cif", "two");
  fs::create_symlink("nowhere.cif", folder_ / "b/dangling.cif");
  fs::create_symlink("1.cif", folder_ / "b/link.cif");
  fs::create_symlink("selfish.cif", folder_ / "b/selfish.cif");
  fs::create_directory_symlink("../far", folder_ / "b/linked");
  fs::create_directory_symlink("..", folder_ / "far/ring");
  fs::create_directory_symlink("../b", folder_ / "far/home");
  ASSERT_EQ(mkfifo((folder_ / "b/pipe.cif").c_str(), 0600), 0);
  const auto problems = problems_in(folder_ / "b");
  const std::string again = "a link to a folder that is read already";
  const std::map<std::string, std::string> expected = {
      {"1.cif", ""},
      {"dangling.cif", "a link to nothing"},
      {"link.cif", ""},
      {"linked/2.cif", ""},
      {"linked/home", again},
      {"linked/ring/far", again},
      {"linked/ring/b", again},
      {"pipe.cif", "neither a file nor a folder"},
      {"selfish.cif", "Too many levels of symbolic links"}};
  EXPECT_EQ(problems, expected);
  EXPECT_EQ(problems_in(folder_ / "b/pipe.cif").begin()->second, "neither a file nor a folder");
  EXPECT_EQ(problems_in(folder_ / "b/empty").begin()->second, "there is no file in it");
  EXPECT_EQ(problems_in(put("empty.list", "# nothing\n")).begin()->second,
            "there is no file in it");
}

/// An ordinary user for the time of a test, since nothing is unreadable to root.
struct OrdinaryUser {
  OrdinaryUser() {
    if (geteuid() == 0) changed = seteuid(65534) == 0;
  }
  ~OrdinaryUser() {
    if (changed && seteuid(0) != 0) std::abort();
  }
  bool changed = false;
};

TEST_F(Items, AnUnreadableFolderDoesNotEndTheWalk) {
  for (const char* name : {"a", "c", "d"}) {
    fs::create_directories(folder_ / "b" / name);
    put(std::string("b/") + name + "/1.cif", name);
  }
  fs::permissions(folder_ / "b/c", fs::perms::none);
  std::map<std::string, std::string> problems;
  {
    const OrdinaryUser user;
    std::error_code error;
    if (fs::is_directory(folder_ / "b", error)) problems = problems_in(folder_ / "b");
  }
  fs::permissions(folder_ / "b/c", fs::perms::owner_all);
  if (problems.empty()) GTEST_SKIP() << "the folder for temporary files is root's alone";
  const std::map<std::string, std::string> expected = {
      {"a/1.cif", ""}, {"c", "the folder cannot be read: Permission denied"}, {"d/1.cif", ""}};
  EXPECT_EQ(problems, expected);
}

TEST_F(Items, MembersStreamFromAnyPlace) {
  for (const char* name : {"a.tar", "a.tar.gz", "a.tar.xz"}) {
    const std::vector<Item> items = data::list_items({put_archive(name)});
    ASSERT_EQ(items.size(), 300u) << name;
    EXPECT_EQ(items[3].title, std::string(name) + ":set/f3.pdb");
    EXPECT_EQ(items[3].file_name(), "f3.pdb");
    EXPECT_EQ(items[3].bytes, content_of(3).size());
    const std::span<const Item> part = std::span(items).subspan(6, 5);
    data::read_items(part, [&](std::size_t i, std::string bytes, const std::string& problem) {
      EXPECT_EQ(problem, "");
      EXPECT_EQ(bytes, i == 2 ? "" : content_of(static_cast<int>(i) + 6)) << name;
    });
  }
}

TEST_F(Items, MembersAreReadInAnyOrderAndAgain) {
  const std::string path =
      put_archive("a.tar.gz", {{"x", "first"}, {"y", "second"}, {"x", "third"}});
  const std::vector<Item> twice = data::list_items({path, path});
  EXPECT_EQ(contents_of(twice),
            (std::vector<std::string>{"first", "second", "third", "first", "second", "third"}));
  // The share of another rank may begin at the second member of a name.
  EXPECT_EQ(contents_of(std::span(twice).subspan(2)),
            (std::vector<std::string>{"third", "first", "second", "third"}));
  put_archive("a.tar.gz", {{"x", "other"}, {"z", "second"}});
  const std::string changed = "(the archive was changed while it was read)";
  EXPECT_EQ(contents_of(std::span(twice).first(3)),
            (std::vector<std::string>{"other", changed, changed}));
}

TEST_F(Items, SizesThatAHeaderClaimsAreNotTrusted) {
  const std::string path = put_archive("a.tar", {{"1", "one"}, {"2", "two"}, {"3", "three"}});
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  std::string header(512, '\0');
  const auto claim = [&](const char* octal) {  // POSIX ustar: size at 124, checksum at 148
    file.seekg(1024).read(header.data(), 512);
    header.replace(124, 11, octal);
    header.replace(148, 8, 8, ' ');
    unsigned sum = 0;
    for (const unsigned char c : header) sum += c;
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum);
    header.replace(148, 8, std::string(text) + '\0' + ' ');
    file.seekp(1024).write(header.data(), 512);
    file.flush();
  };
  claim("07777777777");  // one byte less than 1 GiB
  std::vector<Item> items = data::list_items({path});
  ASSERT_GE(items.size(), 2u);
  std::vector<std::string> contents = contents_of(items);
  EXPECT_EQ(contents[0], "one");
  EXPECT_TRUE(contents[1].starts_with("(damaged archive: Truncated")) << contents[1];
  claim("77777777777");
  items = data::list_items({path});
  ASSERT_GE(items.size(), 2u);
  EXPECT_EQ(items[1].problem,
            "8589934591 bytes, more than the 1073741824 that a structure may have");
  EXPECT_EQ(contents_of(items)[0], "one");
  const std::string sparse = put("large.cif", "");
  fs::resize_file(sparse, (1ull << 30) + 1);
  EXPECT_EQ(problems_in(sparse)["large.cif"],
            "1073741825 bytes, more than the 1073741824 that a structure may have");
}

TEST_F(Items, ACutArchiveGivesWhatIsWholeAndAReason) {
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
