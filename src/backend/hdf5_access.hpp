// The one place where HDF5 learns of MPI: the access property list of a collectively used file.
#pragma once

#include <cstdint>

namespace jespr {

class Communicator;

/// Sets the HDF5 file-access property list `access` (an hid_t) to MPI-IO over all ranks of
/// `communicator`. Returns false, with HDF5's error stack, on failure.
bool set_collective_access(std::int64_t access, const Communicator& communicator);

}  // namespace jespr
