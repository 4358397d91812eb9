// HDF5 datasets: creation, rows in and out, the digest of the content.
#include <algorithm>
#include <cstring>

#include "base/hash.hpp"
#include "io/hdf5_handle.hpp"

namespace jespr::io {

using detail::Handle;
using detail::OpenFile;
using detail::own;

namespace {

constexpr const char* digest_name = "digest";
constexpr std::uint64_t check_bytes = 16 << 20;  // read at a time when a digest is checked

/// Sum over the rows of XXH64(row, seed = row number), modulo 2^64: the same for every division of
/// the rows among ranks and calls.
std::uint64_t rows_digest(const std::byte* data, std::uint64_t begin, std::uint64_t rows,
                          std::uint64_t row_bytes) {
  std::uint64_t sum = 0;
  for (std::uint64_t row = 0; row < rows; ++row)
    sum += digest(data + row * row_bytes, row_bytes, begin + row);
  return sum;
}

std::string describe(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

std::string_view name_of(ElementType type) {
  constexpr std::string_view names[] = {"float32", "float64", "int8",   "int32", "int64",
                                        "uint8",   "uint32",  "uint64", "text"};
  return names[static_cast<int>(type)];
}

template <>
ElementType element_type<float>() {
  return ElementType::float32;
}
template <>
ElementType element_type<double>() {
  return ElementType::float64;
}
template <>
ElementType element_type<std::int8_t>() {
  return ElementType::int8;
}
template <>
ElementType element_type<std::int32_t>() {
  return ElementType::int32;
}
template <>
ElementType element_type<std::int64_t>() {
  return ElementType::int64;
}
template <>
ElementType element_type<std::uint8_t>() {
  return ElementType::uint8;
}
template <>
ElementType element_type<std::uint32_t>() {
  return ElementType::uint32;
}
template <>
ElementType element_type<std::uint64_t>() {
  return ElementType::uint64;
}

Dataset::Dataset(std::shared_ptr<OpenFile> file, std::string path, std::unique_ptr<Handle> handle)
    : file_(std::move(file)), path_(std::move(path)), handle_(std::move(handle)) {
  const Handle space = own(H5Dget_space(handle_->id()), H5Sclose, *file_, "shape of " + path_);
  const int rank = H5Sget_simple_extent_ndims(space.id());
  if (rank > 0) {
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
    H5Sget_simple_extent_dims(space.id(), extents.data(), nullptr);
    shape_.assign(extents.begin(), extents.end());
  }
  const Handle type = own(H5Dget_type(handle_->id()), H5Tclose, *file_, "type of " + path_);
  element_bytes_ = H5Tget_size(type.id());
  if (H5Tget_class(type.id()) == H5T_STRING) {
    type_ = ElementType::text;
    variable_length_ = H5Tis_variable_str(type.id()) > 0;
    return;
  }
  for (int i = 0; i < static_cast<int>(ElementType::text); ++i) {
    type_ = static_cast<ElementType>(i);
    if (H5Tequal(type.id(), detail::file_type(type_)) > 0) return;
  }
  fail(Exit::data, title() + " has an element type that is not read here");
}

Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

std::string Dataset::title() const { return file_->path + ": dataset " + path_; }

std::uint64_t Dataset::row_elements() const {
  std::uint64_t elements = 1;
  for (std::size_t i = 1; i < shape_.size(); ++i) elements *= shape_[i];
  return elements;
}

void Dataset::require(ElementType type, std::uint64_t begin, std::uint64_t elements) const {
  const std::uint64_t width = row_elements();
  const std::uint64_t rows = width > 0 ? elements / width : 0;
  const Exit code = file_->writable ? Exit::runtime : Exit::data;
  if (type != type_)
    fail(code, title() + " is of type " + std::string(name_of(type_)) + ", expected " +
                   std::string(name_of(type)));
  if (rows * width != elements || begin > this->rows() || rows > this->rows() - begin)
    fail(code, title() + " of shape " + describe(shape_) + " has no " + std::to_string(elements) +
                   " elements from row " + std::to_string(begin) + " on");
}

void Dataset::transfer(bool write, std::uint64_t begin, std::uint64_t rows, void* data) const {
  const std::string what = std::string(write ? "writing " : "reading ") + path_;
  const Handle file_space = own(H5Dget_space(handle_->id()), H5Sclose, *file_, what);
  std::vector<hsize_t> start(shape_.size(), 0), count(shape_.begin(), shape_.end());
  if (!shape_.empty()) {
    start[0] = begin;
    count[0] = rows;
    detail::require(H5Sselect_hyperslab(file_space.id(), H5S_SELECT_SET, start.data(), nullptr,
                                        count.data(), nullptr),
                    *file_, what);
  }
  const Handle memory_space =
      shape_.empty() ? own(H5Screate(H5S_SCALAR), H5Sclose, *file_, what)
                     : own(H5Screate_simple(static_cast<int>(count.size()), count.data(), nullptr),
                           H5Sclose, *file_, what);
  const Handle type = own(H5Dget_type(handle_->id()), H5Tclose, *file_, what);
  const Handle mode = own(H5Pcreate(H5P_DATASET_XFER), H5Pclose, *file_, what);
  if (file_->communicator)
    detail::require(H5Pset_dxpl_mpio(mode.id(), H5FD_MPIO_COLLECTIVE), *file_, what);
  std::byte nothing{};
  if (!data) data = &nothing;  // no rows: HDF5 still wants an address
  detail::require(
      write
          ? H5Dwrite(handle_->id(), type.id(), memory_space.id(), file_space.id(), mode.id(), data)
          : H5Dread(handle_->id(), type.id(), memory_space.id(), file_space.id(), mode.id(), data),
      *file_, what);
}

template <class T>
void Dataset::write_rows(std::uint64_t begin, std::span<const T> values) {
  require(element_type<T>(), begin, values.size());
  const std::uint64_t rows = row_elements() > 0 ? values.size() / row_elements() : 0;
  transfer(true, begin, rows, const_cast<T*>(values.data()));
  written_digest_ +=
      rows_digest(reinterpret_cast<const std::byte*>(values.data()), begin, rows, row_bytes());
}

void Dataset::write_text_rows(std::uint64_t begin, std::span<const std::string> values) {
  require(ElementType::text, begin, values.size() * row_elements());
  std::string packed(values.size() * element_bytes_, '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].size() > element_bytes_)
      fail(Exit::runtime, title() + ": text of " + std::to_string(values[i].size()) +
                              " bytes in a width of " + std::to_string(element_bytes_));
    values[i].copy(packed.data() + i * element_bytes_, element_bytes_);
  }
  transfer(true, begin, values.size(), packed.data());
  written_digest_ += rows_digest(reinterpret_cast<const std::byte*>(packed.data()), begin,
                                 values.size(), element_bytes_);
}

template <class T>
void Dataset::read_rows(std::uint64_t begin, std::span<T> values) const {
  require(element_type<T>(), begin, values.size());
  transfer(false, begin, row_elements() > 0 ? values.size() / row_elements() : 0, values.data());
}

template <class T>
std::vector<T> Dataset::read_rows(std::uint64_t begin, std::uint64_t end) const {
  std::vector<T> values((end - begin) * row_elements());
  read_rows<T>(begin, values);
  return values;
}

std::vector<std::string> Dataset::read_text_rows(std::uint64_t begin, std::uint64_t end) const {
  require(ElementType::text, begin, (end - begin) * row_elements());
  if (variable_length_) return read_variable_text(begin, end);
  std::string packed((end - begin) * row_bytes(), '\0');
  transfer(false, begin, end - begin, packed.data());
  std::vector<std::string> values((end - begin) * row_elements());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const char* text = packed.data() + i * element_bytes_;
    values[i].assign(text, strnlen(text, element_bytes_));
  }
  return values;
}

std::vector<std::string> Dataset::read_variable_text(std::uint64_t begin, std::uint64_t end) const {
  const std::string what = "reading " + path_;
  std::vector<char*> texts((end - begin) * row_elements(), nullptr);
  transfer(false, begin, end - begin, texts.data());
  std::vector<std::string> values;
  for (const char* text : texts) values.emplace_back(text ? text : "");
  const hsize_t count = texts.size();
  const Handle space = own(H5Screate_simple(1, &count, nullptr), H5Sclose, *file_, what);
  const Handle type = own(H5Dget_type(handle_->id()), H5Tclose, *file_, what);
  detail::require(H5Dvlen_reclaim(type.id(), space.id(), H5P_DEFAULT, texts.data()), *file_, what);
  return values;
}

void Dataset::read_bytes(std::uint64_t begin, std::uint64_t end, std::span<std::byte> bytes) const {
  if (variable_length_) fail(Exit::data, title() + " is text of variable length, not bytes");
  require(type_, begin, bytes.size() / element_bytes_);
  transfer(false, begin, end - begin, bytes.data());
}

std::uint64_t Dataset::file_offset() const {
  const haddr_t offset = H5Dget_offset(handle_->id());
  if (offset == HADDR_UNDEF) fail(Exit::data, title() + " is not contiguous in the file");
  return offset;
}

void Dataset::seal() {
  std::uint64_t sum = written_digest_;
  if (file_->communicator) sum = file_->communicator->sum(sum);
  const std::string what = "digest of " + path_;
  const Handle space = own(H5Screate(H5S_SCALAR), H5Sclose, *file_, what);
  const Handle attribute = own(
      H5Acreate2(handle_->id(), digest_name, H5T_STD_U64LE, space.id(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose, *file_, what);
  detail::require(H5Awrite(attribute.id(), H5T_STD_U64LE, &sum), *file_, what);
}

std::uint64_t Dataset::stored_digest() const {
  const Handle attribute = own(H5Aopen(handle_->id(), digest_name, H5P_DEFAULT), H5Aclose, *file_,
                               "no digest of " + path_);
  std::uint64_t digest = 0;
  detail::require(H5Aread(attribute.id(), H5T_STD_U64LE, &digest), *file_, "digest of " + path_);
  return digest;
}

Dataset File::create_dataset(const std::string& path, ElementType type, std::uint64_t element_bytes,
                             const Shape& shape, Layout layout) {
  const std::string what = "cannot create dataset " + path;
  const OpenFile& file = *file_;
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  const Handle space =
      own(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), H5Sclose,
          file, what);
  Handle text;
  if (type == ElementType::text) text = detail::text_type(file, element_bytes);
  const Handle links = own(H5Pcreate(H5P_LINK_CREATE), H5Pclose, file, what);
  detail::require(H5Pset_create_intermediate_group(links.id(), 1), file, what);
  const Handle creation = own(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, file, what);
  detail::require(H5Pset_obj_track_times(creation.id(), false), file, what);
  detail::require(H5Pset_fill_time(creation.id(), H5D_FILL_TIME_NEVER), file, what);
  detail::require(H5Pset_alloc_time(creation.id(), H5D_ALLOC_TIME_EARLY), file, what);
  if (layout.chunk_rows > 0) {
    std::vector<hsize_t> chunk = extents;
    chunk.at(0) = layout.chunk_rows;
    detail::require(H5Pset_chunk(creation.id(), static_cast<int>(chunk.size()), chunk.data()), file,
                    what);
    if (layout.deflate > 0)
      detail::require(H5Pset_deflate(creation.id(), static_cast<unsigned>(layout.deflate)), file,
                      what);
  }
  auto handle = std::make_unique<Handle>(
      own(H5Dcreate2(file.handle.id(), path.c_str(),
                     type == ElementType::text ? text.id() : detail::file_type(type), space.id(),
                     links.id(), creation.id(), H5P_DEFAULT),
          H5Dclose, file, what));
  Dataset dataset(file_, path, std::move(handle));
  if (layout.chunk_rows == 0 && dataset.bytes() > 0)
    file_->contiguous_end =
        std::max(file_->contiguous_end, dataset.file_offset() + dataset.bytes());
  return dataset;
}

Dataset File::dataset(const std::string& path) const {
  auto handle =
      std::make_unique<Handle>(own(H5Dopen2(file_->handle.id(), path.c_str(), H5P_DEFAULT),
                                   H5Dclose, *file_, "no dataset " + path));
  return Dataset(file_, path, std::move(handle));
}

void File::write_text(const std::string& path, const std::string& text) {
  Dataset dataset = create_text_dataset(path, 1, text.size());
  const bool writes = !file_->communicator || file_->communicator->rank() == 0;
  dataset.write_text_rows(0, std::span(&text, writes ? 1 : 0));
  dataset.seal();
}

std::string File::read_text(const std::string& path) const {
  const std::vector<std::string> texts = dataset(path).read_text();
  if (texts.size() != 1)
    fail(Exit::data, file_->path + ": dataset " + path + " does not hold one text");
  return texts.front();
}

std::string first_problem(const std::string& problem, const Communicator* communicator) {
  if (!communicator) return problem;
  const std::vector<std::string> problems = communicator->all_gather(problem);
  for (std::size_t rank = 0; rank < problems.size(); ++rank)
    if (!problems[rank].empty())
      return (rank > 0 ? "rank " + std::to_string(rank) + ": " : "") + problems[rank];
  return "";
}

namespace {

/// What a dataset's content should add up to and what this rank's share of its rows does.
struct DigestPair {
  std::uint64_t expected = 0, found = 0;
};

DigestPair digest_share(const Dataset& dataset, const Communicator* communicator) {
  const std::uint64_t ranks = communicator ? static_cast<std::uint64_t>(communicator->size()) : 1;
  const std::uint64_t rank = communicator ? static_cast<std::uint64_t>(communicator->rank()) : 0;
  const std::uint64_t begin = dataset.rows() * rank / ranks;
  const std::uint64_t end = dataset.rows() * (rank + 1) / ranks;
  const std::uint64_t piece =
      std::max<std::uint64_t>(1, check_bytes / std::max<std::uint64_t>(1, dataset.row_bytes()));
  DigestPair pair{.expected = dataset.stored_digest()};
  std::vector<std::byte> bytes;
  for (std::uint64_t row = begin; row < end; row += piece) {
    const std::uint64_t stop = std::min(end, row + piece);
    bytes.resize((stop - row) * dataset.row_bytes());
    dataset.read_bytes(row, stop, bytes);
    pair.found += rows_digest(bytes.data(), row, stop - row, dataset.row_bytes());
  }
  return pair;
}

/// `open(i)` gives dataset i of `count`.
template <class Open>
std::string check_each(std::size_t count, const Open& open, const Communicator* communicator) {
  std::vector<std::uint64_t> expected(count), found(count);
  std::vector<std::string> titles(count);
  std::string problem;
  try {
    for (std::size_t i = 0; i < count; ++i) {
      const Dataset& dataset = open(i);
      const DigestPair pair = digest_share(dataset, communicator);
      titles[i] = dataset.title();
      expected[i] = pair.expected;
      found[i] = pair.found;
    }
  } catch (const Error& error) {
    problem = error.what();
  }
  problem = first_problem(problem, communicator);
  if (!problem.empty()) return problem;
  if (communicator) communicator->sum(std::span<std::uint64_t>(found));
  for (std::size_t i = 0; i < count; ++i)
    if (found[i] != expected[i])
      return titles[i] + ": digest " + hash_text(found[i]) + ", expected " +
             hash_text(expected[i]) + ": the file is damaged";
  return "";
}

}  // namespace

std::string check_digest(const Dataset& dataset, const Communicator* communicator) {
  return check_each(
      1, [&](std::size_t) -> const Dataset& { return dataset; }, communicator);
}

std::string check_digests(const File& file, const std::vector<std::string>& paths,
                          const Communicator* communicator) {
  return check_each(
      paths.size(), [&](std::size_t i) { return file.dataset(paths[i]); }, communicator);
}

#define JESPR_INSTANTIATE(T)                                               \
  template void Dataset::write_rows<T>(std::uint64_t, std::span<const T>); \
  template void Dataset::read_rows<T>(std::uint64_t, std::span<T>) const;  \
  template std::vector<T> Dataset::read_rows<T>(std::uint64_t, std::uint64_t) const;
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
JESPR_INSTANTIATE(std::int8_t)
JESPR_INSTANTIATE(std::int32_t)
JESPR_INSTANTIATE(std::int64_t)
JESPR_INSTANTIATE(std::uint8_t)
JESPR_INSTANTIATE(std::uint32_t)
JESPR_INSTANTIATE(std::uint64_t)
#undef JESPR_INSTANTIATE

}  // namespace jespr::io
