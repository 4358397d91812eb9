// Crops.
#include "data/crop.hpp"

#include <algorithm>
#include <cmath>

#include "base/philox.hpp"
#include "data/draw.hpp"

namespace jespr::data {

namespace {

/// `kept` residues of the window, anywhere in it.
Window place(PhiloxStream& draws, Window window, int kept) {
  const int begin =
      window.begin +
      static_cast<int>(draws.below(static_cast<std::uint32_t>(window.length() - kept + 1)));
  return {begin, begin + kept};
}

Window centre_of(Window window, int kept) {
  const int begin = window.begin + (window.length() - kept) / 2;
  return {begin, begin + kept};
}

/// Residues of the longest crop of a sequence where the structure shows so many.
int longest_crop(const CropRule& rule, int shown) {
  return rule.crop_length > 0 ? std::min(rule.crop_length, shown) : shown;
}

}  // namespace

Windows CropRule::draw(std::int64_t epoch, int identity, int length) const {
  PhiloxStream draws(seed, "crop", draw_index(epoch, identity));
  const Window chain{0, length};
  const int longest = std::min(length, max_length);
  const auto any_length = [&](int most) {
    const int least = std::clamp(static_cast<int>(std::ceil(shortest * most)), 1, most);
    return least + static_cast<int>(draws.below(static_cast<std::uint32_t>(most - least + 1)));
  };
  Windows windows;
  if (independent) {
    windows.sequence = place(draws, chain, any_length(longest));
    windows.structure = place(draws, chain, any_length(longest));
    return windows;
  }
  windows.sequence = windows.structure = place(draws, chain, longest);
  for (int crop = 0; crop < sequence_crops; ++crop) {
    const Window drawn = place(draws, windows.structure, any_length(longest_crop(*this, longest)));
    if (crop == 0)
      windows.sequence = drawn;
    else
      windows.more_sequences.push_back(drawn);
  }
  return windows;
}

Windows CropRule::fullest(int length) const {
  Windows windows = central_crop(length, max_length);
  if (sequence_crops == 0) return windows;
  windows.sequence = centre_of(windows.structure, longest_crop(*this, windows.structure.length()));
  windows.more_sequences.assign(static_cast<std::size_t>(sequence_crops - 1), windows.sequence);
  return windows;
}

Windows whole_chain(int length) { return {{0, length}, {0, length}}; }

Windows central_crop(int length, int kept) {
  const Window window = centre_of({0, length}, std::min(length, kept));
  return {window, window};
}

}  // namespace jespr::data
