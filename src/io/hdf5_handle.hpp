// Inside io only: owned HDF5 identifiers and the one line that an HDF5 error becomes.
#pragma once

#include <hdf5.h>

#include <optional>
#include <string>
#include <utility>

#include "backend/communicator.hpp"
#include "base/error.hpp"
#include "io/hdf5.hpp"

namespace jespr::io::detail {

/// Owns one HDF5 identifier and closes it with the function of its kind.
class Handle {
 public:
  Handle() = default;
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  hid_t id() const { return id_; }
  hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }

 private:
  hid_t id_ = H5I_INVALID_HID;
  herr_t (*close_)(hid_t) = nullptr;
};

/// What all datasets of a file share.
struct OpenFile {
  Handle handle;
  std::string path;
  std::optional<Communicator> communicator;  // of a collectively used file
  bool writable = false;
  std::uint64_t contiguous_end = 0;  // bytes up to the end of the last contiguous dataset made
};

/// Keeps HDF5 from printing its error stack; called before the first use of the library.
void silence();

/// Root cause on HDF5's error stack, one line; clears the stack.
std::string reason();

/// Ends with "PLACE: WHAT: reason"; data error for a file that is read, runtime for one written.
[[noreturn]] void fail_hdf5(bool writable, const std::string& place, const std::string& what);

/// `id` as an owned handle, or the error.
Handle own(hid_t id, herr_t (*close)(hid_t), const OpenFile& file, const std::string& what);

/// `status` must not be negative.
void require(herr_t status, const OpenFile& file, const std::string& what);

/// The type of an element in the file and, since both are little-endian, in memory.
hid_t file_type(ElementType type);

/// Text of a fixed width.
Handle text_type(const OpenFile& file, std::uint64_t width);

}  // namespace jespr::io::detail
