// HDF5 files, parallel or private: typed datasets read and written by rows, attributes, listings.
// Knows nothing of models. Every failure is one line: file, object, reason of the library.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jespr {

class Communicator;

namespace io {

/// Type of an element in a file; little-endian. `text`: fixed-length bytes (UTF-8, zero padded);
/// text of variable length, as other programs write it, is read only.
enum class ElementType { float32, float64, int8, int32, int64, uint8, uint32, uint64, text };

std::string_view name_of(ElementType type);

/// The element type of float, double and (u)int8, 32, 64; specialised in hdf5_dataset.cpp.
template <class T>
ElementType element_type();

using Shape = std::vector<std::uint64_t>;

/// How a new dataset lies on disk. Contiguous and without compression by default, space taken at
/// once; so it can be read with pread (Dataset::file_offset) and never fails late for lack of it.
struct Layout {
  std::uint64_t chunk_rows = 0;  // > 0: chunks of so many rows
  int deflate = 0;               // 1 to 9: zlib level; needs chunks
};

namespace detail {
struct OpenFile;
class Handle;
}  // namespace detail

/// A dataset of shape [rows, ...]; keeps its file open. In a file that was opened with a
/// communicator, reads and writes of rows are collective: every rank calls, possibly with no rows.
class Dataset {
 public:
  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

  const std::string& path() const { return path_; }
  /// "FILE: dataset PATH", the start of every message about it.
  std::string title() const;
  const Shape& shape() const { return shape_; }
  ElementType type() const { return type_; }
  /// Bytes of one element; of text its width.
  std::uint64_t element_bytes() const { return element_bytes_; }
  /// Extent of the first dimension; 1 for a scalar.
  std::uint64_t rows() const { return shape_.empty() ? 1 : shape_.front(); }
  /// Elements in one row.
  std::uint64_t row_elements() const;
  std::uint64_t row_bytes() const { return row_elements() * element_bytes_; }
  std::uint64_t bytes() const { return rows() * row_bytes(); }

  /// Writes whole rows from row `begin` on; the element type must be that of the dataset.
  template <class T>
  void write_rows(std::uint64_t begin, std::span<const T> values);
  /// The same for a text dataset [rows]; a string longer than the width is refused.
  void write_text_rows(std::uint64_t begin, std::span<const std::string> values);

  /// Reads the rows [begin, begin + values.size() / row_elements()).
  template <class T>
  void read_rows(std::uint64_t begin, std::span<T> values) const;
  template <class T>
  std::vector<T> read_rows(std::uint64_t begin, std::uint64_t end) const;
  std::vector<std::string> read_text_rows(std::uint64_t begin, std::uint64_t end) const;
  /// Reads everything.
  template <class T>
  std::vector<T> read() const {
    return read_rows<T>(0, rows());
  }
  std::vector<std::string> read_text() const { return read_text_rows(0, rows()); }
  /// Raw bytes of the rows [begin, end) as they lie in memory, whatever the type.
  void read_bytes(std::uint64_t begin, std::uint64_t end, std::span<std::byte> bytes) const;

  /// Byte position of a contiguous dataset in the file, for pread. Failure: Error (data) when the
  /// dataset is chunked or has no space yet.
  std::uint64_t file_offset() const;

  /// Stores the digest of everything written through this object (on all ranks of the file's
  /// communicator, collective) as attribute "digest". Each row must have been written once.
  void seal();
  /// What seal stored.
  std::uint64_t stored_digest() const;

 private:
  friend class File;
  Dataset(std::shared_ptr<detail::OpenFile> file, std::string path,
          std::unique_ptr<detail::Handle> handle);
  void require(ElementType type, std::uint64_t begin, std::uint64_t elements) const;
  void transfer(bool write, std::uint64_t begin, std::uint64_t rows, void* data) const;
  std::vector<std::string> read_variable_text(std::uint64_t begin, std::uint64_t end) const;

  std::shared_ptr<detail::OpenFile> file_;
  std::string path_;
  std::unique_ptr<detail::Handle> handle_;
  Shape shape_;
  ElementType type_ = ElementType::uint8;
  bool variable_length_ = false;  // text stored as pointers into the file's heap
  std::uint64_t element_bytes_ = 1;
  std::uint64_t written_digest_ = 0;
};

/// An HDF5 file. Objects in it are named by their absolute paths ("/state/step"); "/" is the root
/// group. A file that was opened with a communicator is used by all its ranks alike: creating,
/// attributes, closing are collective and take the same arguments everywhere. All checksums that
/// the format offers for its metadata are on; the content is guarded by Dataset::seal.
/// Failures: Error (data) for an existing file that is wrong, Error (runtime) for writing.
class File {
 public:
  /// Whether there is a file of this format: not a folder, not a text.
  static bool is_hdf5(const std::string& path);
  /// A new file, an old one of that name is replaced.
  static File create(const std::string& path);
  static File create(const std::string& path, const Communicator& communicator);
  /// An existing file for reading; without a communicator each rank reads on its own.
  static File open(const std::string& path);
  static File open(const std::string& path, const Communicator& communicator);

  File(File&&) noexcept;
  File& operator=(File&&) noexcept;
  /// Closes; but leaves a collective file open while an exception passes, since the other ranks
  /// may not take part in closing it.
  ~File();

  const std::string& path() const;

  template <class T>
  Dataset create_dataset(const std::string& path, const Shape& shape, Layout layout = {}) {
    return create_dataset(path, element_type<T>(), sizeof(T), shape, layout);
  }
  Dataset create_text_dataset(const std::string& path, std::uint64_t rows, std::uint64_t width,
                              Layout layout = {}) {
    return create_dataset(path, ElementType::text, width > 0 ? width : 1, {rows}, layout);
  }
  /// One text of any length as a dataset [1]; every rank passes the same one. Sealed.
  void write_text(const std::string& path, const std::string& text);
  std::string read_text(const std::string& path) const;

  Dataset dataset(const std::string& path) const;
  void create_group(const std::string& path);
  bool exists(const std::string& path) const;
  /// Names of the children of a group, sorted.
  std::vector<std::string> children(const std::string& group) const;
  /// Absolute paths of all datasets below a group, sorted.
  std::vector<std::string> datasets(const std::string& group = "/") const;

  /// Attributes of a group or dataset; setting one again replaces it.
  bool has_attribute(const std::string& object, const std::string& name) const;
  void set_attribute(const std::string& object, const std::string& name, std::string_view value);
  void set_attribute(const std::string& object, const std::string& name, std::int64_t value);
  void set_attribute(const std::string& object, const std::string& name, double value);
  template <class T>
  void set_attribute(const std::string& object, const std::string& name, std::span<const T> values);
  std::string text_attribute(const std::string& object, const std::string& name) const;
  /// One number or several, of type std::int64_t, std::uint64_t or double.
  template <class T>
  T attribute(const std::string& object, const std::string& name) const;
  template <class T>
  std::vector<T> attributes(const std::string& object, const std::string& name) const;

  /// Takes the disk space of all contiguous datasets made so far, so that a full disk is met here,
  /// by all ranks alike, and not inside a collective write. Collective.
  void reserve_space();
  /// Writes everything out and closes; all datasets of it must be gone. Collective.
  void close();

 private:
  explicit File(std::shared_ptr<detail::OpenFile> file);
  static File start(const std::string& path, bool create, const Communicator* communicator);
  Dataset create_dataset(const std::string& path, ElementType type, std::uint64_t element_bytes,
                         const Shape& shape, Layout layout);

  std::shared_ptr<detail::OpenFile> file_;
  int exceptions_ = 0;
};

/// Reads a sealed dataset, each rank its share of the rows, and compares the content with the
/// stored digest. Returns the same reason on all ranks when it is damaged, "" when it is sound. The
/// file must be private (opened without a communicator); `communicator` may be null: no sharing.
std::string check_digest(const Dataset& dataset, const Communicator* communicator);

/// The same for several datasets of a file at once: two collective calls in all. The first damage
/// found is told.
std::string check_digests(const File& file, const std::vector<std::string>& paths,
                          const Communicator* communicator);

/// The first text that is not empty, of all ranks, on all of them, headed by its rank unless the
/// root says the same. Collective; without a communicator the text itself.
std::string first_problem(const std::string& problem, const Communicator* communicator);

}  // namespace io
}  // namespace jespr
