// Offsets: where each protein's rows begin in a packed array. There is no padding anywhere; only
// attention, pooling and geometry look at the offsets.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/arena.hpp"
#include "tensor/views.hpp"

namespace jespr {

/// Rows of B proteins laid end to end: protein b owns rows [starts[b], starts[b+1]).
struct Offsets {
  std::span<const int> host;   // [B + 1]
  Vector<const int> starts;    // [B + 1], the same on the device
  Vector<const int> protein;   // [N], the protein of each row, counted from 0 in the shard
  Vector<const int> identity;  // [B], what random numbers and reports know a protein by
  int longest = 0;             // rows of the longest protein

  int proteins() const { return static_cast<int>(host.size()) - 1; }
  int rows() const { return host.empty() ? 0 : host.back(); }
};

/// Offsets of proteins with these many rows each, in memory taken from `workspace`.
/// `identity[b]` names protein b for random numbers; empty means 0, 1, 2, ...
Offsets make_offsets(Workspace& workspace, const std::vector<int>& rows_of_protein,
                     const std::vector<int>& identity = {});

}  // namespace jespr
