// Names of chains that are each there once.
#pragma once

#include <string>
#include <vector>

namespace jespr::data {

/// The name that a chain would have if no other had it, and the title of its source.
struct WantedName {
  std::string name, title;
};

/// A name for each chain, all different. Who comes first keeps the name; of a later one it is
/// NAME@TITLE, and if that is taken too NAME@TITLE#2, #3 and so on.
std::vector<std::string> unique_names(const std::vector<WantedName>& wanted);

}  // namespace jespr::data
