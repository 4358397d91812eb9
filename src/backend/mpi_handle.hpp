// The MPI communicator behind a Communicator, for the library that needs it: parallel HDF5.
#pragma once

#include <mpi.h>

#include "backend/communicator.hpp"

namespace jespr {

struct Communicator::Handle {
  MPI_Comm comm;
};

inline MPI_Comm mpi_handle(const Communicator& communicator) { return communicator.handle().comm; }

}  // namespace jespr
