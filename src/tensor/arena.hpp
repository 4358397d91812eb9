// Arena: the memory of a step. Two workspaces: `saved` keeps what backward needs, `scratch` holds
// gradients and temporaries. Taking and giving back is moving a mark; after the first steps both
// have their size and a step allocates nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tensor/loops.hpp"

namespace jespr {

/// A stack of memory that grows by whole blocks; a block never moves while in use.
class Stack {
 public:
  enum class Memory { device, host };
  struct Mark {
    std::size_t block = 0;
    std::size_t offset = 0;
  };

  explicit Stack(const char* name, Memory memory = Memory::device) : name_(name), memory_(memory) {}
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  /// `bytes` of memory, aligned for any vector load; contents undefined.
  void* take(std::size_t bytes);
  Mark mark() const { return top_; }
  /// Gives back all that was taken since `mark`.
  void release(Mark mark);
  /// When nothing is in use: turns all blocks into one as large as was ever in use, and of at least
  /// `bytes`.
  void settle(std::size_t bytes = 0);

  std::size_t in_use() const;
  std::size_t high_water() const { return high_water_; }
  std::size_t capacity() const;
  /// Number of blocks allocated since the start: constant once the sizes are known.
  std::size_t allocations() const { return allocations_; }

 private:
  struct Block {
    std::byte* data;
    std::size_t size;
  };
  /// Whether there was memory for another block of `size` bytes.
  bool add_block(std::size_t size);
  void free_blocks();
  /// Another block of at least `needed` bytes. Failure: Error (runtime).
  void grow(std::size_t needed);

  const char* name_;
  Memory memory_;
  std::vector<Block> blocks_;
  Mark top_;
  std::size_t high_water_ = 0;
  std::size_t allocations_ = 0;
};

/// The typed side of a stack: arrays of the device, and arrays that the host computes with.
class Workspace {
 public:
  struct Mark {
    Stack::Mark device, host;
  };

  explicit Workspace(const char* name) : stack_(name), host_only_(name, Stack::Memory::host) {}

  template <class T>
  Vector<T> vector(std::size_t n) {
    return Vector<T>(static_cast<T*>(stack_.take(n * sizeof(T))), n);
  }
  template <class T>
  Matrix<T> matrix(std::size_t n, std::size_t c) {
    return Matrix<T>(static_cast<T*>(stack_.take(n * c * sizeof(T))), n, c);
  }
  template <class T>
  Tensor3<T> tensor(std::size_t n, std::size_t m, std::size_t c) {
    return Tensor3<T>(static_cast<T*>(stack_.take(n * m * c * sizeof(T))), n, m, c);
  }
  template <class T>
  Matrix<T> zeros(std::size_t n, std::size_t c) {
    const Matrix<T> m = matrix<T>(n, c);
    fill(m, T(0));
    return m;
  }

  /// Host memory for n elements, each T().
  template <class T>
  std::span<T> host_array(std::size_t n) {
    const std::span<T> array(static_cast<T*>(host_stack().take(n * sizeof(T))), n);
    std::uninitialized_value_construct(array.begin(), array.end());
    return array;
  }
  /// A copy of host values in host memory of this workspace, with a change of type if T says so.
  template <class T, class Values>
  std::span<const T> host_copy(const Values& values) {
    const std::span<T> array = host_array<T>(values.size());
    std::transform(values.begin(), values.end(), array.begin(),
                   [](const auto& value) { return static_cast<T>(value); });
    return array;
  }

  /// Host values (a vector, an array, a span) in device memory.
  template <class Values, class T = typename Values::value_type>
  Vector<const T> upload(const Values& host) {
    const Vector<T> view = vector<T>(host.size());
    to_device(view, std::span<const T>(host.data(), host.size()));
    return view;
  }
  /// Values of the device in host memory.
  template <class V, class T = typename V::non_const_value_type>
  std::span<T> download(const V& view) {
    const std::span<T> host = host_array<T>(view.size());
    to_host(view, host);
    return host;
  }

  Mark mark() const { return {stack_.mark(), host_only_.mark()}; }
  /// Gives back all that was taken since `mark`.
  void release(Mark mark) {
    stack_.release(mark.device);
    host_only_.release(mark.host);
  }
  /// When nothing is in use: makes room for `factor` times what was ever in use, in one block.
  void settle(double factor = 1) {
    for (Stack* stack : {&stack_, &host_only_})
      stack->settle(static_cast<std::size_t>(factor * static_cast<double>(stack->high_water())));
  }

  Stack& stack() { return stack_; }
  const Stack& stack() const { return stack_; }

 private:
  Stack& host_stack() { return device_is_host ? stack_ : host_only_; }

  Stack stack_;
  Stack host_only_;  // where the host cannot use the device's memory
};

/// Memory that one thread was given, cut into arrays one after the other. Over no memory, it
/// measures how much they need.
class Slab {
 public:
  explicit Slab(std::byte* memory = nullptr) : memory_(memory) {}

  template <class T>
  Vector<T> vector(std::size_t n) {
    return Vector<T>(take<T>(n), n);
  }
  template <class T>
  Matrix<T> matrix(std::size_t n, std::size_t c) {
    return Matrix<T>(take<T>(n * c), n, c);
  }
  template <class T>
  Tensor3<T> tensor(std::size_t n, std::size_t m, std::size_t c) {
    return Tensor3<T>(take<T>(n * m * c), n, m, c);
  }
  std::size_t used() const { return used_; }

 private:
  template <class T>
  T* take(std::size_t n) {
    constexpr std::size_t line = 64;
    T* const place = reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(memory_) + used_);
    used_ += (n * sizeof(T) + line - 1) / line * line;
    return place;
  }

  std::byte* memory_;
  std::size_t used_ = 0;
};

/// Gives back at the end of a scope what the scope took.
class Scope {
 public:
  explicit Scope(Workspace& workspace) : workspace_(workspace), mark_(workspace.mark()) {}
  ~Scope() { workspace_.release(mark_); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Workspace& workspace_;
  Workspace::Mark mark_;
};

}  // namespace jespr
