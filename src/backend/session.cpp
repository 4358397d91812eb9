// Session: start and end of MPI and Kokkos, affinity and memory of the process.
#include "backend/session.hpp"

#include <mpi.h>
#include <sched.h>
#include <sys/resource.h>

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <thread>

#include "backend/pinning.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/timer.hpp"

namespace jespr {

Session::Mpi::Mpi(int& argc, char**& argv) {
  // Writing beyond the limit on the size of a file then fails like a full disk and is reported.
  std::signal(SIGXFSZ, SIG_IGN);
  int provided = 0;
  if (MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
    fail(Exit::runtime, "MPI_Init_thread failed: is the program started by this MPI's launcher?");
}

Session::Mpi::~Mpi() { MPI_Finalize(); }

Session::Session(int& argc, char**& argv) : mpi_(argc, argv), world_(Communicator::world()) {
  log::set_root(world_.is_root());
  Kokkos::InitializationSettings settings;
  settings.set_disable_warnings(true);  // the affinity check of the log says it better
  try {
#ifdef KOKKOS_ENABLE_CUDA
    // Whatever the launcher: it may show a rank all GPUs of the node, or its own alone.
    settings.set_device_id(world_.rank_on_node().first % std::max(1, Kokkos::num_devices()));
#endif
    Kokkos::initialize(settings);
  } catch (const std::exception& error) {
    fail(Exit::runtime,
         "rank " + std::to_string(world_.rank()) + " on " + host_name() +
             ": no device to compute on: " + error.what() +
             "; is there a GPU (nvidia-smi), is it this rank's to use (CUDA_VISIBLE_DEVICES, "
             "--gpus-per-task)? Without one, --help and --check need the CPU build");
  }
  pin_threads(world_);
}

Session::~Session() { Kokkos::finalize(); }

void Session::wait_for_root() {
  // Its abort ends this rank, too, but takes seconds where the machine is busy.
  constexpr std::chrono::seconds patience(5);
  std::this_thread::sleep_for(patience);
}

void Session::abort(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  std::_Exit(code);
}

Affinity query_affinity() {
  Affinity affinity;
  affinity.pinned = true;
  // All threads are asked: one that OpenMP has bound (OMP_PROC_BIND) knows only its own core.
  cpu_set_t set;
  CPU_ZERO(&set);
#pragma omp parallel
  {
    cpu_set_t own;
    CPU_ZERO(&own);
    sched_getaffinity(0, sizeof own, &own);
#pragma omp critical
    {
      CPU_OR(&set, &set, &own);
      affinity.pinned = affinity.pinned && CPU_COUNT(&own) == 1;
    }
  }
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set)) affinity.cores.push_back(core);
  affinity.threads = Kokkos::DefaultHostExecutionSpace().concurrency();
#ifdef KOKKOS_ENABLE_CUDA
  const cudaDeviceProp& device = Kokkos::Cuda().cuda_device_prop();
  affinity.device = device.name;
  char place[16];  // where it sits in the node: tells apart what CUDA_VISIBLE_DEVICES renumbers
  if (cudaDeviceGetPCIBusId(place, sizeof place, Kokkos::Cuda().cuda_device()) == cudaSuccess)
    affinity.device_place = place;
#else
  affinity.device = "host";
#endif
  return affinity;
}

std::string format_cores(const std::vector<int>& cores) {
  std::string text;
  for (std::size_t i = 0; i < cores.size();) {
    std::size_t last = i;
    while (last + 1 < cores.size() && cores[last + 1] == cores[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += std::to_string(cores[i]);
    if (last > i) text += '-' + std::to_string(cores[last]);
    i = last + 1;
  }
  return text;
}

double peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

}  // namespace jespr
