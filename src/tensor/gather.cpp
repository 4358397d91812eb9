// Rows of all ranks.
#include "tensor/gather.hpp"

#include <numeric>

#include "backend/device_communicator.hpp"

namespace jespr {

template <class T>
Matrix<T> all_gather_rows(Workspace& workspace, const Communicator& communicator, Matrix<T> block,
                          std::span<const int> rows_of_rank) {
  const std::size_t columns = block.extent(1);
  const int rows = std::accumulate(rows_of_rank.begin(), rows_of_rank.end(), 0);
  const Matrix<T> all = workspace.matrix<T>(static_cast<std::size_t>(rows), columns);
  const auto counts = workspace.host_array<std::int64_t>(rows_of_rank.size());
  for (std::size_t r = 0; r < counts.size(); ++r)
    counts[r] = static_cast<std::int64_t>(rows_of_rank[r]) * static_cast<std::int64_t>(columns);
  DeviceCommunicator(communicator)
      .all_gather(block.data(), all.data(), std::span<const std::int64_t>(counts));
  return all;
}

template Matrix<float> all_gather_rows<float>(Workspace&, const Communicator&, Matrix<float>,
                                              std::span<const int>);
template Matrix<double> all_gather_rows<double>(Workspace&, const Communicator&, Matrix<double>,
                                                std::span<const int>);

}  // namespace jespr
