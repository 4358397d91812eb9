// Session: MPI and Kokkos from first to last line of main; names the root of the log, binds the
// rank to its device, knows cores and threads, and ends all ranks when one fails.
#pragma once

#include <string>
#include <vector>

#include "backend/communicator.hpp"

namespace jespr {

class Session {
 public:
  /// Initialises MPI (funneled threads) and Kokkos (device = rank on the node, modulo devices).
  Session(int& argc, char**& argv);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Communicator& world() const { return world_; }

  /// A failing rank that is not the root waits a moment: an error that all ranks meet is told once.
  static void wait_for_root();

  /// Ends every rank of the run with `code`; does not return.
  [[noreturn]] static void abort(int code);

 private:
  struct Mpi {
    Mpi(int& argc, char**& argv);
    ~Mpi();
  } mpi_;
  Communicator world_;
};

/// Where this process may run and with how many threads and devices.
struct Affinity {
  std::vector<int> cores;    // that the operating system lets this process use
  int threads = 1;           // of the host execution space
  bool pinned = false;       // each thread to one core
  std::string device;        // of the default execution space: "host" or a GPU's name
  std::string device_place;  // a GPU's place on the node's bus, or ""
};
Affinity query_affinity();

/// "0-3,8": a list of cores in few characters.
std::string format_cores(const std::vector<int>& cores);

/// Largest resident memory of this process so far, in bytes.
double peak_memory_bytes();

}  // namespace jespr
