// Offsets: from lengths to packed rows.
#include "tensor/offsets.hpp"

#include <algorithm>
#include <numeric>

namespace jespr {

Offsets make_offsets(Workspace& workspace, const std::vector<int>& rows_of_protein,
                     const std::vector<int>& identity) {
  Offsets offsets;
  const std::size_t proteins = rows_of_protein.size();
  const std::span<int> starts = workspace.host_array<int>(proteins + 1);
  std::partial_sum(rows_of_protein.begin(), rows_of_protein.end(), starts.begin() + 1);
  const std::span<int> protein = workspace.host_array<int>(static_cast<std::size_t>(starts.back()));
  for (std::size_t b = 0; b < proteins; ++b) {
    std::fill(protein.begin() + starts[b], protein.begin() + starts[b + 1], static_cast<int>(b));
    offsets.longest = std::max(offsets.longest, rows_of_protein[b]);
  }
  offsets.host = starts;
  offsets.starts = workspace.upload(starts);
  offsets.protein = workspace.upload(protein);
  if (!identity.empty()) {
    offsets.identity = workspace.upload(identity);
  } else {
    const std::span<int> numbers = workspace.host_array<int>(proteins);
    std::iota(numbers.begin(), numbers.end(), 0);
    offsets.identity = workspace.upload(numbers);
  }
  return offsets;
}

}  // namespace jespr
