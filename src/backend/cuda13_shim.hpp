// Old signatures of three CUDA run-time calls that CUDA 13 changed and Kokkos 4.5 still uses.
// Force-included (-include) by the cuda preset, for Kokkos and for the program; otherwise unused.
#pragma once

#ifdef __CUDACC__  // files without kernels are compiled by the host compiler alone
#include <cuda_runtime_api.h>

#if CUDART_VERSION >= 13000

inline cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t* from,
                                            const cudaGraphNode_t* to, size_t count) {
  return cudaGraphAddDependencies(graph, from, to, nullptr, count);
}

/// A device number of CUDA 12 as a memory location of CUDA 13; cudaCpuDeviceId is the host.
inline cudaMemLocation jespr_memory_location(int device) {
  cudaMemLocation location{};
  location.type = device == cudaCpuDeviceId ? cudaMemLocationTypeHost : cudaMemLocationTypeDevice;
  location.id = device == cudaCpuDeviceId ? 0 : device;
  return location;
}

inline cudaError_t cudaMemPrefetchAsync(const void* pointer, size_t bytes, int device,
                                        cudaStream_t stream = nullptr) {
  return cudaMemPrefetchAsync(pointer, bytes, jespr_memory_location(device), 0, stream);
}

inline cudaError_t cudaMemAdvise(const void* pointer, size_t bytes, cudaMemoryAdvise advice,
                                 int device) {
  return cudaMemAdvise(pointer, bytes, advice, jespr_memory_location(device));
}

#endif
#endif
