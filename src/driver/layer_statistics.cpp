// Layer statistics.
#include "driver/layer_statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>  // for strtoll
#include <cstring>  // for strerror
#include <fstream>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/files.hpp"

namespace jespr {
namespace {

constexpr std::string_view header = "step,kind,name,count,mean,rms,largest,not_finite";

/// What is a layer's output: not edges, of which there are many, nor what a layer works with
/// inside.
bool is_shown(std::string_view name) {
  constexpr std::array shown = {"layer_", "embedding", "rep", "pooled", "projected", "node_embed"};
  return std::any_of(shown.begin(), shown.end(),
                     [&](const char* part) { return name.find(part) != name.npos; });
}

/// "d seq/layer_01" is the gradient of "seq/layer_01"; prefixes stand in front of the d.
bool take_gradient_mark(std::string& name) {
  const std::size_t mark = name.find("d ");
  if (mark == name.npos || (mark > 0 && name[mark - 1] != '/')) return false;
  name.erase(mark, 2);
  return true;
}

/// Step and name of a line, the rest of which is of no interest.
struct LinePlace {
  std::int64_t step = 0;
  std::string name;
};

LinePlace place_of(const std::string& line) {
  const std::size_t kind = line.find(',') + 1, name = line.find(',', kind) + 1;
  return {std::strtoll(line.c_str(), nullptr, 10), line.substr(name, line.find(',', name) - name)};
}

/// The lines of an earlier table up to `last_step`. Each step ends with the same parameter: where
/// the newest does not, or a step lacks, a warning says so.
std::string earlier_lines(const std::string& path, std::int64_t every, std::int64_t last_step) {
  std::ifstream in(path);
  std::string text, line;
  if (last_step == 0 || !in) return text;
  std::getline(in, line);
  if (line != header && !(in.eof() && header.starts_with(line))) {
    log::warning(
        fmt::format("{}: its columns are not those of this program version; it is kept "
                    "as {}",
                    path, io::set_aside(path, "old")));
    return text;
  }
  LinePlace newest;
  std::string end_of_first;
  bool broken = false;
  while (std::getline(in, line) && line.find(',') != line.npos) {  // else no step is known
    const LinePlace place = place_of(line);
    if (place.step > last_step) break;
    broken = in.eof() || std::ranges::count(line, ',') != std::ranges::count(header, ',');
    if (broken) break;
    if (newest.step > 0 && place.step != newest.step && end_of_first.empty())
      end_of_first = newest.name;
    newest = place;
    text += line + '\n';
  }
  const bool is_whole = end_of_first.empty() || newest.name == end_of_first;
  if (broken || !is_whole || newest.step < last_step - last_step % every)
    log::warning(
        fmt::format("{} ends {} step {}, the run goes on after step {}: it was cut short, "
                    "or statistics were not asked for between",
                    path, broken || !is_whole ? "within" : "with", newest.step, last_step));
  return text;
}

}  // namespace

LayerStatistics::LayerStatistics(std::string path, std::int64_t every, std::int64_t last_step,
                                 bool writes)
    : path_(std::move(path)), every_(every), writes_(writes && every > 0) {
  if (!writes_) return;
  const std::string earlier = earlier_lines(path_, every, last_step);
  io::write_text_file(path_, std::string(header) + '\n' + earlier);
  file_ = std::fopen(path_.c_str(), "a");
  if (!file_)
    fail(Exit::runtime, fmt::format("{}: cannot be opened: {}", path_, std::strerror(errno)));
}

LayerStatistics::~LayerStatistics() {
  if (file_) std::fclose(file_);
}

template <class Values>
void LayerStatistics::Sums::add(const Values& values) {
  for (const auto element : values) {
    const double value = element;
    if (!std::isfinite(value)) {
      ++not_finite;
      continue;
    }
    ++count;
    sum += value;
    squares += value * value;
    largest = std::max(largest, std::abs(value));
  }
}

Observer LayerStatistics::observer() {
  seen_.clear();
  return [this](const std::string& name, const std::vector<double>& values,
                const std::vector<std::size_t>&) {
    if (!is_shown(name)) return;
    auto found = std::find_if(seen_.begin(), seen_.end(),
                              [&](const Sums& sums) { return sums.name == name; });
    if (found == seen_.end()) found = seen_.insert(seen_.end(), Sums{name});
    found->add(values);
  };
}

void LayerStatistics::write_row(std::int64_t step, const char* kind, const Sums& sums) {
  const double n = std::max(1.0, sums.count);
  const std::string line = fmt::format("{},{},{},{},{:.6g},{:.6g},{:.6g},{}\n", step, kind,
                                       sums.name, sums.count + sums.not_finite, sums.sum / n,
                                       std::sqrt(sums.squares / n), sums.largest, sums.not_finite);
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size())
    fail(Exit::runtime, fmt::format("{}: cannot be written: {}", path_, std::strerror(errno)));
}

template <class P>
void LayerStatistics::write(std::int64_t step, const ParameterStore<P>& store,
                            const Communicator& communicator) {
  for (Sums& sums : seen_) {
    std::array<double, 4> added = {sums.count, sums.sum, sums.squares, sums.not_finite};
    communicator.sum(std::span<double>(added));
    sums.largest = communicator.max(sums.largest);
    sums.count = added[0];
    sums.sum = added[1];
    sums.squares = added[2];
    sums.not_finite = added[3];
  }
  if (!writes_) return;
  for (Sums& sums : seen_) {
    const bool is_gradient = take_gradient_mark(sums.name);
    write_row(step, is_gradient ? "activation_gradient" : "activation", sums);
  }
  for (const auto& parameter : store.parameters()) {
    Sums value{parameter.name}, gradient{parameter.name};
    value.add(to_host(parameter.value));
    write_row(step, "parameter", value);
    if (!parameter.trainable) continue;
    gradient.add(to_host(parameter.gradient));
    write_row(step, "gradient", gradient);
  }
  if (std::fflush(file_) != 0)
    fail(Exit::runtime, fmt::format("{}: cannot be written: {}", path_, std::strerror(errno)));
}

template void LayerStatistics::write<F32>(std::int64_t, const ParameterStore<F32>&,
                                          const Communicator&);
template void LayerStatistics::write<F64>(std::int64_t, const ParameterStore<F64>&,
                                          const Communicator&);

}  // namespace jespr
