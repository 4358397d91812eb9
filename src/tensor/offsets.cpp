// Offsets: from lengths to packed rows.
#include "tensor/offsets.hpp"

#include <algorithm>
#include <numeric>

namespace jespr {

Offsets make_offsets(Workspace& workspace, const std::vector<int>& rows_of_protein,
                     const std::vector<int>& identity) {
  Offsets offsets;
  offsets.host.assign(1, 0);
  std::vector<int> protein;
  for (std::size_t b = 0; b < rows_of_protein.size(); ++b) {
    offsets.host.push_back(offsets.host.back() + rows_of_protein[b]);
    protein.insert(protein.end(), static_cast<std::size_t>(rows_of_protein[b]),
                   static_cast<int>(b));
    offsets.longest = std::max(offsets.longest, rows_of_protein[b]);
  }
  std::vector<int> names = identity;
  if (names.empty()) {
    names.resize(rows_of_protein.size());
    std::iota(names.begin(), names.end(), 0);
  }
  offsets.starts = workspace.upload(offsets.host);
  offsets.protein = workspace.upload(protein);
  offsets.identity = workspace.upload(names);
  return offsets;
}

}  // namespace jespr
