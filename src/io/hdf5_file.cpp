// HDF5 files: opening, groups, listings, attributes.
#include <fcntl.h>  // for posix_fallocate
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <filesystem>

#include "backend/hdf5_access.hpp"
#include "io/hdf5_handle.hpp"

namespace jespr::io {

using detail::Handle;
using detail::OpenFile;
using detail::own;
using detail::require;

namespace {

/// Metadata formats with checksums, readable by every HDF5 since 1.8. Files that are only read need
/// no lock (many parallel file systems have none).
Handle access_list(const OpenFile& file) {
  Handle access = own(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, file, "HDF5 access");
  require(H5Pset_libver_bounds(access.id(), H5F_LIBVER_V18, H5F_LIBVER_V110), file, "HDF5 access");
  require(H5Pset_fclose_degree(access.id(), H5F_CLOSE_SEMI), file, "HDF5 access");
  if (!file.writable) require(H5Pset_file_locking(access.id(), false, true), file, "HDF5 access");
  if (file.communicator && !set_collective_access(access.id(), *file.communicator))
    detail::fail_hdf5(file.writable, file.path, "MPI-IO");
  return access;
}

Handle open_object(const OpenFile& file, const std::string& path) {
  return own(H5Oopen(file.handle.id(), path.c_str(), H5P_DEFAULT), H5Oclose, file,
             "cannot open " + path);
}

herr_t add_name(hid_t, const char* name, const H5L_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

herr_t add_dataset(hid_t, const char* name, const H5O_info_t* info, void* names) {
  if (info->type == H5O_TYPE_DATASET)
    static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

/// An attribute opened to be read, and its type.
struct OpenAttribute {
  OpenAttribute(const OpenFile& file, const std::string& object, const std::string& name)
      : what("attribute " + name + " of " + object),
        handle(own(H5Aopen(open_object(file, object).id(), name.c_str(), H5P_DEFAULT), H5Aclose,
                   file, what)),
        type(own(H5Aget_type(handle.id()), H5Tclose, file, what)) {}

  const std::string what;  // for messages
  const Handle handle, type;
};

void put_attribute(const OpenFile& file, const std::string& path, const std::string& name,
                   hid_t type, hid_t space, const void* values) {
  const std::string what = "attribute " + name + " of " + path;
  const Handle object = open_object(file, path);
  if (H5Aexists(object.id(), name.c_str()) > 0)
    require(H5Adelete(object.id(), name.c_str()), file, what);
  const Handle attribute =
      own(H5Acreate2(object.id(), name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
          file, what);
  require(H5Awrite(attribute.id(), type, values), file, what);
}

}  // namespace

File::File(std::shared_ptr<OpenFile> file)
    : file_(std::move(file)), exceptions_(std::uncaught_exceptions()) {}
File::File(File&&) noexcept = default;

File& File::operator=(File&& other) noexcept {
  std::swap(file_, other.file_);
  std::swap(exceptions_, other.exceptions_);
  return *this;
}

File::~File() {
  if (file_ && file_->communicator && std::uncaught_exceptions() > exceptions_)
    file_->handle.release();
}

File File::create(const std::string& path) { return start(path, true, nullptr); }
bool File::is_hdf5(const std::string& path) {
  detail::silence();
  return std::filesystem::is_regular_file(path) && H5Fis_hdf5(path.c_str()) > 0;
}

File File::create(const std::string& path, const Communicator& communicator) {
  return start(path, true, &communicator);
}
File File::open(const std::string& path) { return start(path, false, nullptr); }
File File::open(const std::string& path, const Communicator& communicator) {
  return start(path, false, &communicator);
}

File File::start(const std::string& path, bool create, const Communicator* communicator) {
  detail::silence();
  auto file = std::make_shared<OpenFile>();
  file->path = path;
  if (communicator) file->communicator = *communicator;
  file->writable = create;
  if (!create && access(path.c_str(), R_OK) != 0)
    fail(Exit::data, path + ": cannot be opened: " + std::strerror(errno));
  const Handle access = access_list(*file);
  if (create) {
    file->handle = own(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.id()), H5Fclose,
                       *file, "cannot be created");
  } else {
    file->handle = own(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.id()), H5Fclose, *file,
                       "cannot be opened as an HDF5 file");
  }
  return File(std::move(file));
}

const std::string& File::path() const { return file_->path; }

void File::create_group(const std::string& path) {
  const Handle links = own(H5Pcreate(H5P_LINK_CREATE), H5Pclose, *file_, "HDF5 links");
  require(H5Pset_create_intermediate_group(links.id(), 1), *file_, "HDF5 links");
  const Handle group =
      own(H5Gcreate2(file_->handle.id(), path.c_str(), links.id(), H5P_DEFAULT, H5P_DEFAULT),
          H5Gclose, *file_, "cannot create group " + path);
}

bool File::exists(const std::string& path) const {
  // H5Lexists wants every parent to exist.
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (part != "/" && !part.empty()) {
      const htri_t found = H5Lexists(file_->handle.id(), part.c_str(), H5P_DEFAULT);
      require(found, *file_, "cannot look up " + part);
      if (found == 0) return false;
    }
    if (end == std::string::npos) return true;
  }
}

std::vector<std::string> File::children(const std::string& group) const {
  const Handle object = open_object(*file_, group);
  std::vector<std::string> names;
  hsize_t start = 0;
  require(H5Literate(object.id(), H5_INDEX_NAME, H5_ITER_INC, &start, add_name, &names), *file_,
          "cannot list " + group);
  return names;
}

std::vector<std::string> File::datasets(const std::string& group) const {
  const Handle object = open_object(*file_, group);
  std::vector<std::string> names;
  require(H5Ovisit2(object.id(), H5_INDEX_NAME, H5_ITER_INC, add_dataset, &names, H5O_INFO_BASIC),
          *file_, "cannot list " + group);
  const std::string prefix = group.ends_with('/') ? group : group + "/";
  for (std::string& name : names) name = prefix + name;
  std::sort(names.begin(), names.end());
  return names;
}

bool File::has_attribute(const std::string& object, const std::string& name) const {
  const Handle owner = open_object(*file_, object);
  const htri_t found = H5Aexists(owner.id(), name.c_str());
  require(found, *file_, "cannot look up attribute " + name + " of " + object);
  return found > 0;
}

void File::set_attribute(const std::string& object, const std::string& name,
                         std::string_view value) {
  const Handle space = own(H5Screate(H5S_SCALAR), H5Sclose, *file_, "attribute " + name);
  const std::string text = value.empty() ? std::string(1, '\0') : std::string(value);
  put_attribute(*file_, object, name, detail::text_type(*file_, text.size()).id(), space.id(),
                text.data());
}

void File::set_attribute(const std::string& object, const std::string& name, std::int64_t value) {
  const Handle space = own(H5Screate(H5S_SCALAR), H5Sclose, *file_, "attribute " + name);
  put_attribute(*file_, object, name, H5T_STD_I64LE, space.id(), &value);
}

void File::set_attribute(const std::string& object, const std::string& name, double value) {
  const Handle space = own(H5Screate(H5S_SCALAR), H5Sclose, *file_, "attribute " + name);
  put_attribute(*file_, object, name, H5T_IEEE_F64LE, space.id(), &value);
}

template <class T>
void File::set_attribute(const std::string& object, const std::string& name,
                         std::span<const T> values) {
  const hsize_t extent = values.size();
  const Handle space =
      own(H5Screate_simple(1, &extent, nullptr), H5Sclose, *file_, "attribute " + name);
  put_attribute(*file_, object, name, detail::file_type(element_type<T>()), space.id(),
                values.data());
}

std::string File::text_attribute(const std::string& object, const std::string& name) const {
  const auto& [what, attribute, type] = OpenAttribute(*file_, object, name);
  if (H5Tget_class(type.id()) != H5T_STRING) fail(Exit::data, path() + ": " + what + " is no text");
  if (H5Tis_variable_str(type.id()) > 0) {
    char* variable = nullptr;
    require(H5Aread(attribute.id(), type.id(), &variable), *file_, what);
    const std::string text = variable ? variable : "";
    H5free_memory(variable);
    return text;
  }
  std::string text(H5Tget_size(type.id()), '\0');
  require(H5Aread(attribute.id(), type.id(), text.data()), *file_, what);
  text.resize(std::strlen(text.c_str()));
  return text;
}

template <class T>
std::vector<T> File::attributes(const std::string& object, const std::string& name) const {
  const auto& [what, attribute, type] = OpenAttribute(*file_, object, name);
  const hid_t expected = detail::file_type(element_type<T>());
  if (H5Tequal(type.id(), expected) <= 0)
    fail(Exit::data,
         path() + ": " + what + " is not of type " + std::string(name_of(element_type<T>())));
  const Handle space = own(H5Aget_space(attribute.id()), H5Sclose, *file_, what);
  std::vector<T> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space.id())));
  require(H5Aread(attribute.id(), expected, values.data()), *file_, what);
  return values;
}

template <class T>
T File::attribute(const std::string& object, const std::string& name) const {
  const std::vector<T> values = attributes<T>(object, name);
  if (values.size() != 1)
    fail(Exit::data, path() + ": attribute " + name + " of " + object + " holds " +
                         std::to_string(values.size()) + " values, expected 1");
  return values.front();
}

void File::reserve_space() {
  const std::uint64_t size = file_->contiguous_end;
  const std::optional<Communicator>& communicator = file_->communicator;
  std::int64_t error = 0;
  if (!communicator || communicator->rank() == 0) {
    const int descriptor = ::open(path().c_str(), O_RDWR | O_CLOEXEC);
    error = descriptor < 0 ? errno : posix_fallocate(descriptor, 0, static_cast<off_t>(size));
    if (descriptor >= 0) ::close(descriptor);
  }
  if (communicator) communicator->broadcast(std::span(&error, 1), 0);
  if (error != 0)
    fail(Exit::runtime, path() + ": cannot take " + std::to_string(size) +
                            " bytes of disk space: " + std::strerror(static_cast<int>(error)));
}

void File::close() {
  require(H5Fflush(file_->handle.id(), H5F_SCOPE_GLOBAL), *file_, "cannot be written");
  require(H5Fclose(file_->handle.release()), *file_, "cannot be closed");
  file_.reset();
}

#define JESPR_INSTANTIATE(T)                                                                 \
  template void File::set_attribute<T>(const std::string&, const std::string&,               \
                                       std::span<const T>);                                  \
  template std::vector<T> File::attributes<T>(const std::string&, const std::string&) const; \
  template T File::attribute<T>(const std::string&, const std::string&) const;
JESPR_INSTANTIATE(std::int64_t)
JESPR_INSTANTIATE(std::uint64_t)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::io
