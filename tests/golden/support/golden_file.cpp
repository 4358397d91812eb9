// Golden files.
#include "golden/support/golden_file.hpp"

#include <filesystem>

#include "io/hdf5_handle.hpp"
#include "support/paths.hpp"

namespace jespr::test {
namespace {

std::filesystem::path path_of(char letter) {
  const std::filesystem::path folder = golden_dir();
  const std::string title =
      (golden_set().empty() ? "" : golden_variable + std::string(" = ")) + folder.string();
  if (!std::filesystem::is_directory(folder))
    fail(Exit::data, title + " is not a folder; expected one with golden files (FORMAT.md)");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(std::string(1, letter) + "_") && name.ends_with(".h5"))
      return entry.path();
  }
  fail(Exit::data, title + " has no golden file " + letter + "_*.h5 (FORMAT.md)");
}

template <class T>
std::vector<double> numbers(const io::Dataset& dataset) {
  const std::vector<T> values = dataset.read<T>();
  return std::vector<double>(values.begin(), values.end());
}

}  // namespace

GoldenFile::GoldenFile(char letter) : GoldenFile(path_of(letter)) {}

GoldenFile::GoldenFile(const std::filesystem::path& path)
    : stem_(path.stem().string()), file_(io::File::open(path.string())) {}

std::vector<std::string> GoldenFile::datasets() const {
  std::vector<std::string> names = file_.datasets();
  for (std::string& name : names) name.erase(0, 1);
  return names;
}

Array GoldenFile::read(const std::string& name) const {
  const io::Dataset dataset = file_.dataset("/" + name);
  switch (dataset.type()) {
    case io::ElementType::float32:
      return {dataset.shape(), numbers<float>(dataset)};
    case io::ElementType::float64:
      return {dataset.shape(), numbers<double>(dataset)};
    case io::ElementType::int64:
      return {dataset.shape(), numbers<std::int64_t>(dataset)};
    case io::ElementType::uint8:
      return {dataset.shape(), numbers<std::uint8_t>(dataset)};
    default:
      fail(Exit::data, dataset.title() + " has a type that golden files do not use");
  }
}

std::vector<std::string> GoldenFile::read_text(const std::string& name) const {
  return file_.dataset("/" + name).read_text();
}

int GoldenFile::integer(const std::string& name) const {
  return static_cast<int>(file_.attribute<std::int64_t>("/", name));
}

double GoldenFile::real(const std::string& name) const {
  if (const auto value = number("/", name)) return *value;
  fail(Exit::data, file_.path() + ": attribute " + name + " of / is no number");
}

std::optional<double> GoldenFile::number(const std::string& object, const std::string& name) const {
  using io::detail::Handle, io::detail::own, io::detail::require;
  const std::string what = "attribute " + name + " of " + object;
  io::detail::OpenFile file{.handle = {}, .path = file_.path(), .communicator = {}};
  const Handle access = own(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, file, what);
  // HDF5 opens a file again only in the way in which it is open.
  require(H5Pset_fclose_degree(access.id(), H5F_CLOSE_SEMI), file, what);
  require(H5Pset_file_locking(access.id(), false, true), file, what);
  file.handle = own(H5Fopen(file.path.c_str(), H5F_ACC_RDONLY, access.id()), H5Fclose, file, what);
  const Handle attribute =
      own(H5Aopen_by_name(file.handle.id(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
          H5Aclose, file, what);
  const Handle type = own(H5Aget_type(attribute.id()), H5Tclose, file, what);
  if (H5Tget_class(type.id()) == H5T_STRING) return std::nullopt;
  const Handle space = own(H5Aget_space(attribute.id()), H5Sclose, file, what);
  if (H5Sget_simple_extent_npoints(space.id()) != 1)
    fail(Exit::data, file.path + ": " + what + " is no single number");
  double value = 0;
  require(H5Aread(attribute.id(), H5T_NATIVE_DOUBLE, &value), file, what);
  return value;
}

Rows GoldenFile::rows(const std::string& padding_mask) const {
  const Array mask = read(padding_mask);
  const std::size_t length = mask.shape.at(1);
  Rows rows;
  rows.of_protein.assign(mask.shape.at(0), 0);
  for (std::size_t i = 0; i < mask.values.size(); ++i)
    if (mask.values[i] == 0) {
      rows.padded.push_back(i);
      ++rows.of_protein[i / length];
    }
  return rows;
}

std::vector<double> GoldenFile::read_rows(const std::string& name, const Rows& rows) const {
  const Array array = read(name);
  const std::size_t width = array.values.size() / (array.shape.at(0) * array.shape.at(1));
  std::vector<double> packed;
  for (std::size_t row : rows.padded) {
    const auto begin = array.values.begin() + static_cast<std::ptrdiff_t>(row * width);
    packed.insert(packed.end(), begin, begin + static_cast<std::ptrdiff_t>(width));
  }
  return packed;
}

}  // namespace jespr::test
