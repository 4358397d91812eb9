// Grammar of the input deck: Fortran namelist text -> groups, keys and values, each with its place.
// Knows nothing of which groups and keys exist; syntax mistakes are collected, never thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jespr::deck {

/// Where something was written: line `line` (from 1) of `source`; line 0: the source as a whole.
/// `order` grows along the source.
struct Place {
  std::string source;
  int line = 0;
  std::size_t order = 0;
};

/// "quickstart.deck:14", or "command line" without a line.
std::string to_string(const Place& place);

/// One thing that is wrong in a deck; shown as "place: what".
struct Mistake {
  Place place;
  std::string what;
};

/// One element of the right side of `key = ...`.
struct Item {
  enum class Kind {
    null,    // between two commas: the element keeps its default
    word,    // outside quotes: 12, 1d-3, .true.
    quoted,  // inside quotes; text is what the quotes enclose, doubled quotes undone
    shell,   // from the command line, where the shell took the quotes: a word or a text
  };
  Kind kind = Kind::null;
  std::string text;
};

/// Elements `first` to `last` (from 1, both included); an open end `(2:)` has no `last`.
struct Section {
  std::int64_t first = 1;
  std::optional<std::int64_t> last;
};

/// `key = items`, `key(3) = item` or `key(2:4) = items`; repeat counts are already written out.
struct Assignment {
  Place place;
  std::string key;  // lower case
  std::optional<Section> section;
  std::vector<Item> items;  // none: `key =` alone, which keeps the default
  bool damaged = false;     // a syntax mistake stands in it: the items are not all there
};

/// `&name ... /`
struct Block {
  Place place;
  std::string name;  // lower case
  std::vector<Assignment> assignments;
};

/// What a deck says, in its order, and all its syntax mistakes, in order of their lines.
struct Document {
  std::vector<Block> blocks;
  std::vector<Mistake> mistakes;
};

/// Reads a namelist (Fortran 2018, 13.11): groups `&name ... /` or `... &end`; names without case;
/// `!` comments; commas, blanks or newlines between values; repeat counts `3*0.1`; null values;
/// texts in ' or " with doubled quotes. Stricter than Fortran: outside of groups only comments and
/// blanks, a text ends on the line where it begins, `a(3) =` takes exactly one value.
/// Any bytes are accepted without failure; `source` names the text in the places.
Document parse(std::string_view text, const std::string& source);

/// Reads one `group.key=value` or `group.key(3)=value` of the command line into a document of one
/// assignment; its places have this `order`. Unquoted values are Item::Kind::shell, separated by
/// commas alone.
Document parse_override(std::string_view argument, std::size_t order = 0);

}  // namespace jespr::deck
