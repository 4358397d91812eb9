// The MPI communicator behind a Communicator, for the library that needs it: parallel HDF5.
#pragma once

#include <mpi.h>

#include <memory>
#include <vector>

#include "backend/communicator.hpp"

namespace jespr {

struct Communicator::Handle {
  MPI_Comm comm;
  mutable std::shared_ptr<void> device = nullptr;  // of DeviceCommunicator, once it was asked for
  mutable bool device_known = false;
  mutable std::vector<int> lengths{}, starts{};  // of the last gather's blocks: memory that is kept
};

inline MPI_Comm mpi_handle(const Communicator& communicator) { return communicator.handle().comm; }

}  // namespace jespr
