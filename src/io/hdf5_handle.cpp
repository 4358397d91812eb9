// HDF5 identifiers and errors.
#include "io/hdf5_handle.hpp"

namespace jespr::io::detail {
namespace {

static_assert(sizeof(hid_t) == 8);

/// Keeps the description of the innermost error that has one: it is the cause, the rest is the path
/// to it.
herr_t keep_first(unsigned, const H5E_error2_t* error, void* text) {
  auto& reason = *static_cast<std::string*>(text);
  if (reason.empty() && error->desc) reason = error->desc;
  return 0;
}

}  // namespace

void silence() {
  static const herr_t done = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  static_cast<void>(done);
}

std::string reason() {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &text);
  H5Eclear2(H5E_DEFAULT);
  for (char& c : text)
    if (c == '\n' || c == '\r') c = ' ';
  return text.empty() ? "HDF5 gives no reason" : text;
}

void fail_hdf5(bool writable, const std::string& place, const std::string& what) {
  fail(writable ? Exit::runtime : Exit::data, place + ": " + what + ": " + reason());
}

Handle own(hid_t id, herr_t (*close)(hid_t), const OpenFile& file, const std::string& what) {
  if (id < 0) fail_hdf5(file.writable, file.path, what);
  return {id, close};
}

void require(herr_t status, const OpenFile& file, const std::string& what) {
  if (status < 0) fail_hdf5(file.writable, file.path, what);
}

hid_t file_type(ElementType type) {
  switch (type) {
    case ElementType::float32:
      return H5T_IEEE_F32LE;
    case ElementType::float64:
      return H5T_IEEE_F64LE;
    case ElementType::int8:
      return H5T_STD_I8LE;
    case ElementType::int32:
      return H5T_STD_I32LE;
    case ElementType::int64:
      return H5T_STD_I64LE;
    case ElementType::uint8:
      return H5T_STD_U8LE;
    case ElementType::uint32:
      return H5T_STD_U32LE;
    case ElementType::uint64:
      return H5T_STD_U64LE;
    case ElementType::text:
      break;
  }
  return H5I_INVALID_HID;
}

Handle text_type(const OpenFile& file, std::uint64_t width) {
  Handle type = own(H5Tcopy(H5T_C_S1), H5Tclose, file, "text type");
  require(H5Tset_size(type.id(), width), file, "text type");
  require(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), file, "text type");
  require(H5Tset_cset(type.id(), H5T_CSET_UTF8), file, "text type");
  return type;
}

}  // namespace jespr::io::detail
