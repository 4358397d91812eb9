// What this program was built from and with; shown by --version, in the log and in results.
#pragma once

#include <string>

namespace jespr {

/// Facts fixed when the program was built or when its libraries were loaded.
struct BuildInfo {
  std::string version;          // of JESPR: 0.1.0
  std::string git;              // commit, "-dirty" when files differed from it
  std::string preset;           // CMake preset, or "none"
  std::string build_type;       // Release, Debug
  std::string compiler;         // GNU 12.2.0
  std::string flags;            // compiler flags
  std::string kokkos;           // 4.5.1
  std::string kokkos_backends;  // OPENMP SERIAL
  std::string products;         // the libraries of matrix products, by their own description
  std::string mpi;              // the MPI library's own description
  std::string hdf5;             // 1.10.8, parallel
  std::string gemmi;            // 0.5.7
};

/// Works before MPI and Kokkos are initialised.
BuildInfo build_info();

/// The same as lines of text, one fact each, for --version.
std::string build_info_text();

}  // namespace jespr
