// DeviceCommunicator over MPI (host memory) or NCCL (GPUs).
#include "backend/device_communicator.hpp"

#include <Kokkos_Core.hpp>
#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "backend/mpi_handle.hpp"
#include "base/error.hpp"

#ifdef KOKKOS_ENABLE_CUDA
#include <nccl.h>
#endif

namespace jespr {

#ifdef KOKKOS_ENABLE_CUDA

namespace {

void check(ncclResult_t result, const char* call) {
  if (result != ncclSuccess)
    fail(Exit::runtime, std::string(call) + ": " + ncclGetErrorString(result));
}

template <class T>
constexpr ncclDataType_t nccl_type = sizeof(T) == 4 ? ncclFloat32 : ncclFloat64;

cudaStream_t stream() { return Kokkos::Cuda().cuda_stream(); }

/// NCCL's communicator, until an error ends it.
struct Nccl {
  ncclComm_t comm = nullptr;

  explicit Nccl(ncclComm_t made) : comm(made) {}
  Nccl(const Nccl&) = delete;
  Nccl& operator=(const Nccl&) = delete;
  ~Nccl() {
    if (comm) ncclCommDestroy(comm);
  }
};
Nccl& nccl(void* vendor) { return *static_cast<Nccl*>(vendor); }

/// Waits until what `call` queued is done. When a rank is lost, the collectives of the others never
/// end: NCCL notices, but tells only those who ask, and the GPU is free again after an abort only.
void wait(Nccl& nccl, const char* call) {
  cudaError_t queue = cudaErrorNotReady;
  while ((queue = cudaStreamQuery(stream())) == cudaErrorNotReady) {
    ncclResult_t state = ncclSuccess;
    check(ncclCommGetAsyncError(nccl.comm, &state), "ncclCommGetAsyncError");
    if (state != ncclSuccess && state != ncclInProgress) {
      ncclCommAbort(std::exchange(nccl.comm, nullptr));
      fail(Exit::runtime, std::string(call) + ": " + ncclGetErrorString(state) +
                              "; another rank was lost, or the network between them");
    }
    std::this_thread::yield();
  }
  if (queue != cudaSuccess)
    fail(Exit::runtime, std::string(call) + ": " + cudaGetErrorString(queue));
}

/// Copies between device memory and a host buffer, for ranks that share a GPU.
template <class T>
std::vector<T> download(const T* device, std::size_t n) {
  std::vector<T> host(n);
  using Pointer =
      Kokkos::View<const T*, Kokkos::CudaSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  Kokkos::deep_copy(
      Kokkos::View<T*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(host.data(), n),
      Pointer(device, n));
  return host;
}
template <class T>
void upload(const std::vector<T>& host, T* device) {
  using Pointer = Kokkos::View<T*, Kokkos::CudaSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;
  Kokkos::deep_copy(
      Pointer(device, host.size()),
      Kokkos::View<const T*, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>(
          host.data(), host.size()));
}

/// Whether two ranks have one GPU. Its identifier tells, not the number of GPUs that a rank sees:
/// a launcher may show each rank a GPU of its own.
bool ranks_share_gpus(const Communicator& host) {
  const auto& bytes = Kokkos::Cuda().cuda_device_prop().uuid.bytes;
  std::vector<std::string> gpus = host.all_gather(std::string(bytes, sizeof bytes));
  std::sort(gpus.begin(), gpus.end());
  return std::adjacent_find(gpus.begin(), gpus.end()) != gpus.end();
}

/// Null where NCCL is not needed (one rank) or not possible (ranks that share a GPU).
std::shared_ptr<void> make_nccl(const Communicator& host) {
  if (host.size() == 1 || ranks_share_gpus(host)) return nullptr;
  ncclUniqueId id{};
  if (host.is_root()) check(ncclGetUniqueId(&id), "ncclGetUniqueId");
  host.broadcast(std::span<char>(id.internal, sizeof id.internal));
  ncclComm_t comm = nullptr;
  check(ncclCommInitRank(&comm, host.size(), id, host.rank()), "ncclCommInitRank");
  return std::make_shared<Nccl>(comm);
}

}  // namespace

DeviceCommunicator::DeviceCommunicator(const Communicator& host) : host_(host) {
  const Communicator::Handle& handle = host.handle();
  if (!handle.device_known) {
    handle.device_known = true;
    handle.device = make_nccl(host);
  }
  vendor_ = handle.device.get();
}

std::string DeviceCommunicator::transport() const {
  if (vendor_) return "NCCL";
  return host_.size() == 1 ? "one rank" : "MPI through host memory: ranks share a GPU";
}

template <class T>
void DeviceCommunicator::all_gather(const T* block, T* all,
                                    std::span<const std::int64_t> counts) const {
  const auto own = static_cast<std::size_t>(counts[static_cast<std::size_t>(host_.rank())]);
  if (!vendor_) {
    const std::vector<T> mine = download(block, own);
    std::vector<T> gathered(
        static_cast<std::size_t>(std::accumulate(counts.begin(), counts.end(), std::int64_t(0))));
    host_.all_gather(std::span<const T>(mine), std::span<T>(gathered), counts);
    return upload(gathered, all);
  }
  check(ncclGroupStart(), "ncclGroupStart");
  for (int r = 0; r < host_.size(); ++r) {
    const auto n = static_cast<std::size_t>(counts[static_cast<std::size_t>(r)]);
    check(ncclBroadcast(r == host_.rank() ? block : all, all, n, nccl_type<T>, r,
                        nccl(vendor_).comm, stream()),
          "ncclBroadcast");
    all += n;
  }
  check(ncclGroupEnd(), "ncclGroupEnd");
  wait(nccl(vendor_), "ncclBroadcast");
}

template <class T>
void DeviceCommunicator::exchange(const T* mine, T* theirs, std::size_t n, int partner) const {
  if (!vendor_) {
    const std::vector<T> out = download(mine, n);
    std::vector<T> in(n);
    host_.exchange(std::span<const T>(out), std::span<T>(in), partner);
    return upload(in, theirs);
  }
  check(ncclGroupStart(), "ncclGroupStart");
  check(ncclSend(mine, n, nccl_type<T>, partner, nccl(vendor_).comm, stream()), "ncclSend");
  check(ncclRecv(theirs, n, nccl_type<T>, partner, nccl(vendor_).comm, stream()), "ncclRecv");
  check(ncclGroupEnd(), "ncclGroupEnd");
  wait(nccl(vendor_), "ncclSend and ncclRecv");
}

template <class T>
void DeviceCommunicator::sum(T* data, std::size_t n) const {
  if (!vendor_) {
    std::vector<T> values = download(data, n);
    host_.sum(std::span<T>(values));
    return upload(values, data);
  }
  check(ncclAllReduce(data, data, n, nccl_type<T>, ncclSum, nccl(vendor_).comm, stream()),
        "ncclAllReduce");
  wait(nccl(vendor_), "ncclAllReduce");
}

#else

DeviceCommunicator::DeviceCommunicator(const Communicator& host) : host_(host) {}

std::string DeviceCommunicator::transport() const { return host_.size() == 1 ? "one rank" : "MPI"; }

template <class T>
void DeviceCommunicator::all_gather(const T* block, T* all,
                                    std::span<const std::int64_t> counts) const {
  const auto own = static_cast<std::size_t>(counts[static_cast<std::size_t>(host_.rank())]);
  const auto total =
      static_cast<std::size_t>(std::accumulate(counts.begin(), counts.end(), std::int64_t(0)));
  host_.all_gather(std::span<const T>(block, own), std::span<T>(all, total), counts);
}

template <class T>
void DeviceCommunicator::exchange(const T* mine, T* theirs, std::size_t n, int partner) const {
  host_.exchange(std::span<const T>(mine, n), std::span<T>(theirs, n), partner);
}

template <class T>
void DeviceCommunicator::sum(T* data, std::size_t n) const {
  host_.sum(std::span<T>(data, n));
}

#endif

#define JESPR_INSTANTIATE(T)                                                                   \
  template void DeviceCommunicator::all_gather<T>(const T*, T*, std::span<const std::int64_t>) \
      const;                                                                                   \
  template void DeviceCommunicator::exchange<T>(const T*, T*, std::size_t, int) const;         \
  template void DeviceCommunicator::sum<T>(T*, std::size_t) const;
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr
