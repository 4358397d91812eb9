// Names of the shapes that an encoder is known to have.
#pragma once

#include <string>
#include <vector>

namespace jespr {

/// `presets` is a range of structs with a `name`.
template <class Presets>
std::vector<std::string> names_of(const Presets& presets) {
  std::vector<std::string> names;
  for (const auto& preset : presets) names.emplace_back(preset.name);
  return names;
}

}  // namespace jespr
