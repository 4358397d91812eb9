// Checkpoints.
#include "io/checkpoint.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "base/error.hpp"

namespace jespr::io {
namespace {

constexpr std::string_view format_name = "jespr checkpoint";
constexpr std::string_view weights_name = "jespr weights";  // of utilities/import_weights.py
constexpr std::int64_t format_version = 1;

std::string state_path(const std::string& name) { return "/state/" + name; }

Shape shape_of(const std::vector<int>& extents) {
  Shape shape;
  for (int extent : extents) shape.push_back(static_cast<std::uint64_t>(extent));
  if (shape.empty()) shape.push_back(1);  // a number is stored as one row
  return shape;
}

/// One number as a dataset of one row: the root writes, all take part.
template <class T>
void write_number(File& file, const Communicator& communicator, const std::string& name, T value) {
  Dataset dataset = file.dataset(state_path(name));
  const std::size_t rows = communicator.is_root() ? 1 : 0;
  dataset.write_rows(0, std::span<const T>(&value, rows));
  dataset.seal();
}

std::string format_objection(const File& file, bool takes_weights) {
  const std::string name =
      file.has_attribute("/", "format") ? file.text_attribute("/", "format") : "";
  if (name != format_name && !(takes_weights && name == weights_name))
    return file.path() + (takes_weights ? ": neither a checkpoint of this program nor weights that "
                                          "utilities/import_weights.py wrote"
                                        : ": not a checkpoint of this program");
  const auto version = file.attribute<std::int64_t>("/", "format_version");
  if (version != format_version)
    return fmt::format("{}: {} format {}, this program reads format {}", file.path(),
                       name == format_name ? "checkpoint" : "weights", version, format_version);
  return "";
}

/// "" when `path` is a sound file of one of the formats that may be.
std::string check_file(const std::string& path, const Communicator& communicator,
                       bool takes_weights) {
  // One rank may fail to read what the others can: all must know before they take part in a sum.
  std::unique_ptr<File> file;
  std::vector<std::string> datasets;
  std::string damage;
  try {
    file = std::make_unique<File>(File::open(path));
    damage = format_objection(*file, takes_weights);
    for (const char* group : {"/state", "/info"}) {
      if (!damage.empty()) break;
      for (std::string& name : file->datasets(group)) datasets.push_back(std::move(name));
    }
  } catch (const Error& error) {
    damage = error.what();
  }
  damage = first_problem(damage, &communicator);
  return damage.empty() ? check_digests(*file, datasets, &communicator) : damage;
}

}  // namespace

void StateLayout::number(const std::string& name, std::int64_t&) {
  file_.create_dataset<std::int64_t>(state_path(name), {1});
}

void StateLayout::real(const std::string& name, double&) {
  file_.create_dataset<double>(state_path(name), {1});
}

template <class T>
void StateLayout::tensor(const std::string& name, const std::vector<int>& shape, Vector<T>) {
  file_.create_dataset<T>(state_path(name), shape_of(shape));
}

void StateWriter::number(const std::string& name, std::int64_t& value) {
  write_number(file_, communicator_, name, value);
}

void StateWriter::real(const std::string& name, double& value) {
  write_number(file_, communicator_, name, value);
}

template <class T>
void StateWriter::tensor(const std::string& name, const std::vector<int>&, Vector<T> values) {
  Dataset dataset = file_.dataset(state_path(name));
  const std::uint64_t rows = dataset.rows(), width = dataset.row_elements();
  const auto rank = static_cast<std::uint64_t>(communicator_.rank());
  const auto ranks = static_cast<std::uint64_t>(communicator_.size());
  const std::uint64_t begin = rows * rank / ranks, end = rows * (rank + 1) / ranks;
  const Vector<T> mine(values.data() + begin * width, (end - begin) * width);
  const std::vector<T> host = to_host(mine);
  dataset.write_rows(begin, std::span<const T>(host));
  dataset.seal();
}

Dataset StateReader::open(const std::string& name) const {
  if (!file_.exists(state_path(name)))
    fail(Exit::data,
         fmt::format("{}: dataset {} is missing; the checkpoint is of another model or program "
                     "version (see jespr info)",
                     file_.path(), state_path(name)));
  return file_.dataset(state_path(name));
}

void StateReader::number(const std::string& name, std::int64_t& value) {
  open(name).read_rows(0, std::span<std::int64_t>(&value, 1));
}

void StateReader::real(const std::string& name, double& value) {
  open(name).read_rows(0, std::span<double>(&value, 1));
}

template <class T>
void StateReader::tensor(const std::string& name, const std::vector<int>& shape, Vector<T> values) {
  const Dataset dataset = open(name);
  if (dataset.shape() != shape_of(shape) || dataset.type() != element_type<T>())
    fail(Exit::data,
         fmt::format("{}: {} of shape [{}], expected {} of shape [{}]: the deck describes another "
                     "model than the checkpoint holds; use the checkpoint's own deck (jespr info)",
                     dataset.title(), name_of(dataset.type()), fmt::join(dataset.shape(), ", "),
                     name_of(element_type<T>()), fmt::join(shape_of(shape), ", ")));
  to_device(values, dataset.read<T>());
}

File begin_checkpoint(const std::string& path, const Communicator& communicator,
                      const Information& information) {
  if (communicator.is_root()) make_parent_directories(path);
  communicator.barrier();
  File file = File::create(temporary_name(path), communicator);
  file.set_attribute("/", "format", format_name);
  file.set_attribute("/", "format_version", format_version);
  file.create_group("/state");
  file.create_group("/info");
  for (const auto& [name, text] : information) file.write_text("/info/" + name, text);
  return file;
}

void finish_checkpoint(File file, const std::string& path, const Communicator& communicator) {
  const std::string temporary = temporary_name(path);
  file.close();
  if (communicator.is_root()) sync_file(temporary);
  communicator.barrier();
  const std::string damage = check_checkpoint(temporary, communicator);
  if (!damage.empty())
    fail(Exit::runtime, damage +
                            "; the disk did not keep what was just written, the previous "
                            "checkpoint is untouched");
  if (communicator.is_root()) publish_file(temporary, path);
  communicator.barrier();
}

std::string check_checkpoint(const std::string& path, const Communicator& communicator) {
  return check_file(path, communicator, false);
}

std::string check_weights(const std::string& path, const Communicator& communicator) {
  return check_file(path, communicator, true);
}

std::string read_information(const std::string& path, const std::string& name) {
  return File::open(path).read_text("/info/" + name);
}

#define JESPR_INSTANTIATE(T)                                                                    \
  template void StateLayout::tensor<T>(const std::string&, const std::vector<int>&, Vector<T>); \
  template void StateWriter::tensor<T>(const std::string&, const std::vector<int>&, Vector<T>); \
  template void StateReader::tensor<T>(const std::string&, const std::vector<int>&, Vector<T>);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::io
