// `jespr info FILE`.
#include "driver/info.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/error.hpp"
#include "base/timer.hpp"
#include "data/dataset.hpp"
#include "driver/initial_weights.hpp"
#include "io/files.hpp"
#include "io/hdf5.hpp"

namespace jespr {
namespace {

std::string describe_shape(const io::Dataset& dataset) {
  return fmt::format("{} [{}]", io::name_of(dataset.type()), fmt::join(dataset.shape(), ", "));
}

/// What no shape of a tensor shows; checkpoints of version 0.1.0 have nothing of it.
std::string describe_form(const io::File& file) {
  const std::string form = "/state/form";
  if (!file.exists(form)) return "";
  std::string text = "form    ";
  for (const std::string& name : file.datasets(form))
    text += fmt::format(" {} {}", name.substr(form.size() + 1),
                        file.dataset(name).read<std::int64_t>().front());
  return text + '\n';
}

std::string describe_parameters(const io::File& file) {
  std::uint64_t elements = 0;
  const std::string group = "/state/parameters";
  std::string table;
  for (const std::string& name : file.datasets(group)) {
    const io::Dataset dataset = file.dataset(name);
    elements += dataset.rows() * dataset.row_elements();
    table += fmt::format("  {:<76} {}\n", name.substr(group.size() + 1), describe_shape(dataset));
  }
  return fmt::format("parameters {}\n{}", elements, table);
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
  text += describe_form(file);
  const std::string weights = initial_weights_of(file.path());
  if (!weights.empty()) text += "weights  it started from\n" + weights + "\n";
  return text + "deck\n" + file.read_text("/info/deck") + describe_parameters(file);
}

std::string describe_weights(const io::File& file) {
  return fmt::format("{}: weights, {}\nfrom     {}\n{}{}", file.path(),
                     format_bytes(static_cast<double>(io::file_bytes(file.path()))),
                     file.read_text("/info/source"), describe_form(file),
                     describe_parameters(file));
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
    fail(Exit::data,
         path +
             ": not an HDF5 file; jespr info describes datasets, checkpoints, "
             "weights, history.h5 and evaluation.h5 (.csv, .json and .txt are plain text)");
  const io::File file = io::File::open(path);
  if (data::is_dataset(path)) {
    require_sound(file);
    return data::describe_dataset(path);
  }
  const std::string format =
      file.has_attribute("/", "format") ? file.text_attribute("/", "format") : "";
  if (format == "jespr checkpoint" || format == "jespr weights") {
    require_sound(file);
    return format == "jespr weights" ? describe_weights(file) : describe_checkpoint(file);
  }
  return describe_result(file);
}

}  // namespace jespr
