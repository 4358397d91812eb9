// A table of hashes for millions of records: open addressing in one array, 0.7 full at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace jespr::data {

/// `Entry` has a member `key` (uint64): equal keys are one entry, 0 is none.
template <class Entry>
class HashTable {
 public:
  /// The entry of that key, or the one given, which is put in; and whether it was.
  std::pair<Entry*, bool> insert(const Entry& entry) {
    if (10 * (used_ + 1) > 7 * entries_.size()) grow();
    Entry* place = find_place(entry.key);
    if (place->key == entry.key) return {place, false};
    *place = entry;
    ++used_;
    return {place, true};
  }

 private:
  Entry* find_place(std::uint64_t key) {
    std::size_t i = key & (entries_.size() - 1);
    while (entries_[i].key != 0 && entries_[i].key != key) i = (i + 1) & (entries_.size() - 1);
    return &entries_[i];
  }

  void grow() {
    constexpr std::size_t fewest = 1 << 12;
    std::vector<Entry> old(entries_.empty() ? fewest : 2 * entries_.size());
    old.swap(entries_);
    for (const Entry& entry : old)
      if (entry.key != 0) *find_place(entry.key) = entry;
  }

  std::vector<Entry> entries_;  // a power of two of them
  std::size_t used_ = 0;
};

}  // namespace jespr::data
