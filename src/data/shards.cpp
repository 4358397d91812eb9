// Shards.
#include "data/shards.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace jespr::data {

namespace {

constexpr int marks = 2;  // start and end token around a chain

double cost_of(const Cost& cost, int length) {
  const double rows = length + marks;
  return cost.linear * rows + cost.quadratic * rows * rows;
}

std::int64_t sum_of(std::span<const std::int64_t> costs, const std::vector<int>& part) {
  std::int64_t sum = 0;
  for (const int item : part) sum += costs[static_cast<std::size_t>(item)];
  return sum;
}

}  // namespace

std::int64_t rows_of(const Windows& windows) {
  std::int64_t rows = windows.structure.length() + marks;
  for (int crop = 0; crop < windows.sequences(); ++crop)
    rows += windows.sequence_crop(crop).length() + marks;
  return rows;
}

std::int64_t CostModel::of(const Windows& windows) const {
  double cost = 0;
  for (int crop = 0; crop < windows.sequences(); ++crop)
    cost += cost_of(sequence, windows.sequence_crop(crop).length());
  cost += cost_of(structure, windows.structure.length());
  return std::max<std::int64_t>(1, std::llround(cost));
}

std::vector<std::vector<int>> balance(std::span<const std::int64_t> costs, int shards) {
  assert(shards > 0 && costs.size() >= static_cast<std::size_t>(shards));
  std::vector<int> dearest_first(costs.size());
  std::iota(dearest_first.begin(), dearest_first.end(), 0);
  std::stable_sort(dearest_first.begin(), dearest_first.end(), [&](int a, int b) {
    return costs[static_cast<std::size_t>(a)] > costs[static_cast<std::size_t>(b)];
  });
  std::vector<std::vector<int>> parts(static_cast<std::size_t>(shards));
  std::vector<std::int64_t> loads(parts.size(), 0);
  for (const int item : dearest_first) {
    const auto least =
        static_cast<std::size_t>(std::min_element(loads.begin(), loads.end()) - loads.begin());
    parts[least].push_back(item);
    loads[least] += costs[static_cast<std::size_t>(item)];
  }
  for (auto& part : parts) std::sort(part.begin(), part.end());
  return parts;
}

double imbalance(std::span<const std::int64_t> costs, const std::vector<std::vector<int>>& parts) {
  std::int64_t largest = 0, total = 0;
  for (const auto& part : parts) {
    const std::int64_t load = sum_of(costs, part);
    largest = std::max(largest, load);
    total += load;
  }
  return static_cast<double>(largest) * static_cast<double>(parts.size()) /
         static_cast<double>(total);
}

std::vector<Shard> cut_by_rows(std::span<const Chain> chains, std::int64_t rows, int kept) {
  std::vector<Shard> pieces;
  std::int64_t filled = 0;
  for (const Chain& chain : chains) {
    const int length = kept > 0 ? std::min(kept, chain.length) : chain.length;
    if (pieces.empty() || filled + length + marks > rows) {
      pieces.emplace_back();
      filled = 0;
    }
    pieces.back().push_back(chain);
    filled += length + marks;
  }
  return pieces;
}

}  // namespace jespr::data
