// DeviceCommunicator: the collectives whose data lie in device memory: NCCL between GPUs, MPI
// itself where device memory is host memory. Ranks that share a GPU, which NCCL refuses, go through
// host memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "backend/communicator.hpp"

namespace jespr {

/// With NCCL a call returns when its work is done; a lost rank is an Error (runtime) on the others.
class DeviceCommunicator {
 public:
  /// The ranks of `host`, which must outlive it; the first one made for them is collective.
  explicit DeviceCommunicator(const Communicator& host);

  /// What carries the data: "MPI", "NCCL", or why it is neither.
  std::string transport() const;

  /// Concatenation of all ranks' blocks in the order of ranks; rank r's has `counts[r]` elements.
  template <class T>
  void all_gather(const T* block, T* all, std::span<const std::int64_t> counts) const;
  /// Sends `n` elements to `partner` and receives as many into `theirs`.
  template <class T>
  void exchange(const T* mine, T* theirs, std::size_t n, int partner) const;
  /// Sum over ranks in place, in the library's order.
  template <class T>
  void sum(T* data, std::size_t n) const;

 private:
  const Communicator& host_;
  void* vendor_ = nullptr;  // what NCCL needs; null: no NCCL
};

}  // namespace jespr
