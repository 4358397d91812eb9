// `jespr info FILE`.
#include "driver/info.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/error.hpp"
#include "base/timer.hpp"
#include "data/dataset.hpp"
#include "io/files.hpp"
#include "io/hdf5.hpp"

namespace jespr {
namespace {

std::string describe_shape(const io::Dataset& dataset) {
  return fmt::format("{} [{}]", io::name_of(dataset.type()), fmt::join(dataset.shape(), ", "));
}

std::string describe_checkpoint(const io::File& file) {
  const auto number = [&](const std::string& name) {
    return file.dataset("/state/" + name).read<std::int64_t>().front();
  };
  std::string text = fmt::format(
      "{}: checkpoint after step {}, {}\nwritten  {} on {} in {}\nby       {}\nstate    seed {}, "
      "{} proteins in {} shards, {} updates, {} skipped; best validation at step {}\n",
      file.path(), number("step"), format_bytes(static_cast<double>(io::file_bytes(file.path()))),
      file.read_text("/info/time"), file.read_text("/info/host"), file.read_text("/info/precision"),
      file.read_text("/info/build"), number("seed"), number("proteins"), number("shards"),
      number("updates"), number("skipped"), number("best_step"));
  const std::string form = "/state/form";
  if (file.exists(form)) {  // checkpoints of version 0.1.0 have none
    text += "form    ";
    for (const std::string& name : file.datasets(form))
      text += fmt::format(" {} {}", name.substr(form.size() + 1),
                          file.dataset(name).read<std::int64_t>().front());
    text += '\n';
  }
  std::uint64_t elements = 0;
  const std::string group = "/state/parameters";
  std::string table;
  for (const std::string& name : file.datasets(group)) {
    const io::Dataset dataset = file.dataset(name);
    elements += dataset.rows() * dataset.row_elements();
    table += fmt::format("  {:<76} {}\n", name.substr(group.size() + 1), describe_shape(dataset));
  }
  text += fmt::format("deck\n{}parameters {}\n{}", file.read_text("/info/deck"), elements, table);
  return text;
}

/// Results (history, evaluation): what lies in the file, and the deck it came from.
std::string describe_result(const io::File& file) {
  std::string text = fmt::format("{}: result\n", file.path());
  for (const std::string& name : file.datasets())
    text += fmt::format("  {:<60} {}\n", name, describe_shape(file.dataset(name)));
  if (file.exists("/deck")) text += "deck\n" + file.read_text("/deck");
  return text;
}

/// What is described is what was written: a damaged file ends with its damage.
void require_sound(const io::File& file) {
  const std::string damage = io::check_digests(file, file.datasets(), nullptr);
  if (!damage.empty()) fail(Exit::data, damage);
}

}  // namespace

std::string describe_file(const std::string& path) {
  if (!io::file_exists(path)) fail(Exit::data, path + ": no such file");
  if (!io::File::is_hdf5(path))
    fail(Exit::data, path +
                         ": not an HDF5 file; jespr info describes datasets, checkpoints, "
                         "history.h5 and evaluation.h5 (.csv, .json and .txt are plain text)");
  const io::File file = io::File::open(path);
  if (data::is_dataset(path)) {
    require_sound(file);
    return data::describe_dataset(path);
  }
  if (file.has_attribute("/", "format") &&
      file.text_attribute("/", "format") == "jespr checkpoint") {
    require_sound(file);
    return describe_checkpoint(file);
  }
  return describe_result(file);
}

}  // namespace jespr
