// KeptRange: numbers of which products may keep copies, between two changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>  // for less, which orders pointers into different arrays

namespace jespr {

struct KeptRange {
  const float* data;
  std::size_t size;
  const std::uint64_t* version;  // changes with the numbers

  bool holds(const float* place) const {
    const std::less<const float*> before;
    return !before(place, data) && before(place, data + size);
  }
};

}  // namespace jespr
