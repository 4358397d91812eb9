// Unique names of chains.
#include "data/chain_names.hpp"

#include <unordered_set>

namespace jespr::data {

std::vector<std::string> unique_names(const std::vector<WantedName>& wanted) {
  std::unordered_set<std::string> taken;
  std::vector<std::string> names;
  names.reserve(wanted.size());
  for (const WantedName& chain : wanted) {
    std::string name = chain.name;
    for (int count = 1; !taken.insert(name).second; ++count) {
      name = chain.name + "@" + chain.title;
      if (count > 1) name += "#" + std::to_string(count);
    }
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace jespr::data
