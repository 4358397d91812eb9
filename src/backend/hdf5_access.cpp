// HDF5's MPI-IO driver for a communicator.
#include "backend/hdf5_access.hpp"

#include <hdf5.h>

#include "backend/mpi_handle.hpp"

namespace jespr {

bool set_collective_access(std::int64_t access, const Communicator& communicator) {
  return H5Pset_fapl_mpio(access, mpi_handle(communicator), MPI_INFO_NULL) >= 0;
}

}  // namespace jespr
