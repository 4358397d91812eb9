// Kinds of losses, the layout of a global batch.
#include "model/loss.hpp"

#include <algorithm>

namespace jespr {

std::int64_t objective_of(const std::string& kind) {
  return std::find(objectives.begin(), objectives.end(), kind) - objectives.begin();
}

int BatchLayout::start_of(int shard) const {
  int start = 0;
  for (int v = 0; v < shard; ++v) start += proteins_of_shard[static_cast<std::size_t>(v)];
  return start;
}

int BatchLayout::proteins_of_rank(int rank, int ranks) const {
  const int per_rank = shards() / ranks;
  return start_of((rank + 1) * per_rank) - start_of(rank * per_rank);
}

}  // namespace jespr
