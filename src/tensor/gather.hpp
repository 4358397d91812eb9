// Rows of all ranks, one below the other, in device memory.
#pragma once

#include <span>

#include "backend/communicator.hpp"
#include "tensor/arena.hpp"

namespace jespr {

/// The blocks of all ranks in the order of ranks; `rows_of_rank[r]` rows from rank r, on every
/// rank.
template <class T>
Matrix<T> all_gather_rows(Workspace& workspace, const Communicator& communicator, Matrix<T> block,
                          std::span<const int> rows_of_rank);

}  // namespace jespr
