// Names and ids of chains: clean, unique.
#include "data/chain_names.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "data/utf8.hpp"

namespace jespr::data {

std::string clean(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c <= ' '; }, '_');
  for (std::size_t i = 0; (i += valid_utf8(std::string_view(text).substr(i))) < text.size();)
    text[i] = '?';
  return text;
}

std::string shown_id(const std::string& id) { return id.empty() ? "-" : clean(id); }

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
