// Crops.
#include "data/crop.hpp"

#include <algorithm>
#include <cmath>

#include "base/philox.hpp"
#include "data/draw.hpp"

namespace jespr::data {

namespace {

Window place(PhiloxStream& draws, int length, int kept) {
  const int begin = static_cast<int>(draws.below(static_cast<std::uint32_t>(length - kept + 1)));
  return {begin, begin + kept};
}

}  // namespace

Windows CropRule::draw(std::int64_t epoch, int identity, int length) const {
  PhiloxStream draws(seed, "crop", draw_index(epoch, identity));
  const int longest = std::min(length, max_length);
  if (!independent) {
    const Window both = place(draws, length, longest);
    return {both, both};
  }
  const int least = std::clamp(static_cast<int>(std::ceil(shortest * longest)), 1, longest);
  const auto any_length = [&] {
    return least + static_cast<int>(draws.below(static_cast<std::uint32_t>(longest - least + 1)));
  };
  Windows windows;
  windows.sequence = place(draws, length, any_length());
  windows.structure = place(draws, length, any_length());
  return windows;
}

Windows whole_chain(int length) { return {{0, length}, {0, length}}; }

Windows central_crop(int length, int kept) {
  if (length <= kept) return whole_chain(length);
  const Window window{(length - kept) / 2, (length - kept) / 2 + kept};
  return {window, window};
}

}  // namespace jespr::data
