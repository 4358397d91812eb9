// Communicator: the ranks of a run and the few collective operations the code needs, on host
// memory. Every return code is checked; a failure is an Error (runtime) naming rank and call.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace jespr {

class Communicator {
 public:
  /// All ranks of the run; MPI must be initialised (see Session).
  static Communicator world();
  /// This process alone.
  static Communicator self();

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }

  void barrier() const;

  /// Overwrites `data` on every rank by rank `root`'s; equal lengths.
  template <class T>
  void broadcast(std::span<T> data, int root = 0) const;
  std::string broadcast(std::string text, int root = 0) const;

  /// Concatenation of all ranks' blocks in the order of ranks, on every rank. Lengths may differ.
  template <class T>
  std::vector<T> all_gather(std::span<const T> block) const;
  /// The same into `all`, where rank r's block has `counts[r]` elements.
  template <class T>
  void all_gather(std::span<const T> block, std::span<T> all,
                  std::span<const std::int64_t> counts) const;
  /// Every rank's text, on every rank.
  std::vector<std::string> all_gather(const std::string& text) const;

  /// Element-wise over ranks, in place. The order of additions is the library's: not for numbers
  /// that must have the same bits on another rank count.
  template <class T>
  void sum(std::span<T> data) const;
  template <class T>
  T sum(T value) const;
  template <class T>
  T max(T value) const;
  template <class T>
  T min(T value) const;
  /// Sum of the values of the lower ranks; 0 on rank 0.
  std::int64_t exclusive_prefix_sum(std::int64_t value) const;

  /// Sends `mine` to `partner` and receives its block of the same length into `theirs`.
  template <class T>
  void exchange(std::span<const T> mine, std::span<T> theirs, int partner) const;

  /// The ranks that share this one's node: (index among them, their number).
  std::pair<int, int> rank_on_node() const;

  struct Handle;  // the MPI communicator, see backend/mpi_handle.hpp
  const Handle& handle() const { return *handle_; }

 private:
  explicit Communicator(std::shared_ptr<const Handle> handle);
  std::shared_ptr<const Handle> handle_;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace jespr
