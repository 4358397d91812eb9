// Where structure files come from: single files, folders, lists of files, tar archives; as one list
// of items in a fixed order, and their bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jespr::data {

/// One structure file, on its own or in an archive; or something that cannot be read.
struct Item {
  std::string path;         // of the file or the archive
  std::string member;       // its name in the archive; "" for a file on its own
  std::size_t place = 0;    // of the member: 1 for the archive's first; names may be repeated
  std::uint64_t bytes = 0;  // its size
  std::string problem;      // why it cannot be read, if that is known already
  std::string title;        // the path below the folder that all sources share; of a member
                            // "ARCHIVE:MEMBER"
  std::string selection;    // what a list wants of it, as parse_selection reads it; "": all
  bool is_named = false;    // by the deck or a list itself, not found in a folder or an archive

  /// The name of the file or member, without folders.
  std::string file_name() const;
};

/// All items of the sources, in the order of the sources: a folder by sorted path and with all
/// below it (but no hidden files), links followed, no folder twice; a list (.txt, .list: a path a
/// line, relative ones from the list's folder, endings of structure files may be left out, behind a
/// colon what is wanted of the file, # comments) by line; an archive (.tar, .tar.gz,
/// .tgz, .tar.xz, .txz, .tar.zst, .tar.bz2, .tbz2) as it is stored. What cannot be read is an item
/// with a problem.
std::vector<Item> list_items(const std::vector<std::string>& sources);

/// Whether the name ends so, in upper or lower case.
bool has_ending(std::string_view path, std::string_view ending);

/// Whether the name is that of a list: .txt or .list.
bool is_list(std::string_view path);

/// Whether the name is that of a FASTA file: .fasta, .fa, .faa or .fas, also .gz.
bool is_fasta(std::string_view path);

/// Whether the name is that of a structure file: .cif, .mmcif, .pdb or .ent, also .gz. A file of
/// another name may be one, too.
bool is_structure(std::string_view path);

/// Gives the bytes of each item to `use`, in order, or the reason why there are none: use(index,
/// bytes, problem). An archive is read in one stream as long as its members are asked for in order.
void read_items(std::span<const Item> items,
                const std::function<void(std::size_t, std::string, const std::string&)>& use);

}  // namespace jespr::data
