// Names and ids of chains as datasets and reports hold them; names that are each there once.
#pragma once

#include <string>
#include <vector>

namespace jespr::data {

/// Text that tables and reports can hold: blanks and control characters are `_`, what is not UTF-8
/// is `?`.
std::string clean(std::string text);

/// A chain's id in the report, where nothing stands for the whole file.
std::string shown_id(const std::string& id);

/// The name that a chain would have if no other had it, and the title of its source.
struct WantedName {
  std::string name, title;
};

/// A name for each chain, all different. Who comes first keeps the name; of a later one it is
/// NAME@TITLE, and if that is taken too NAME@TITLE#2, #3 and so on.
std::vector<std::string> unique_names(const std::vector<WantedName>& wanted);

}  // namespace jespr::data
