// Arena: the memory of a step. Two stacks: `saved` keeps what backward needs, `scratch` holds
// gradients and temporaries. Taking and giving back is moving a mark; after the first steps both
// have their size and a step allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tensor/views.hpp"

namespace jespr {

/// A stack of device memory that grows by whole blocks; a block never moves while in use.
class Stack {
 public:
  struct Mark {
    std::size_t block = 0;
    std::size_t offset = 0;
  };

  explicit Stack(const char* name) : name_(name) {}
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
  /// Another block of at least `needed` bytes. Failure: Error (runtime).
  void grow(std::size_t needed);

  const char* name_;
  std::vector<Block> blocks_;
  Mark top_;
  std::size_t high_water_ = 0;
  std::size_t allocations_ = 0;
};

/// The typed side of a stack.
class Workspace {
 public:
  explicit Workspace(const char* name) : stack_(name) {}

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
    Kokkos::deep_copy(m, T(0));
    return m;
  }

  /// Host values in device memory.
  template <class T>
  Vector<const T> upload(const std::vector<T>& host) {
    const Vector<T> view = vector<T>(host.size());
    to_device(view, host);
    return view;
  }

  Stack& stack() { return stack_; }
  const Stack& stack() const { return stack_; }

 private:
  Stack stack_;
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
  explicit Scope(Workspace& workspace) : stack_(workspace.stack()), mark_(stack_.mark()) {}
  ~Scope() { stack_.release(mark_); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Stack& stack_;
  Stack::Mark mark_;
};

}  // namespace jespr
