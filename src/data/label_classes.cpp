// Classes that a label makes of chains.
#include "data/label_classes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "deck/nearest.hpp"
#include "io/hdf5.hpp"

namespace jespr::data {
namespace {

constexpr const char* labels_group = "/labels";
constexpr char between_labels = ';', between_parts = '.';

std::vector<std::string> columns_of(const io::File& file) {
  return file.exists(labels_group) ? file.children(labels_group) : std::vector<std::string>{};
}

/// The first parts of one label; "" where it has fewer.
std::string_view first_parts(std::string_view label, int level) {
  std::size_t end = 0;
  for (int part = 0; part < level; ++part) {
    if (part > 0 && end == label.size()) return "";
    const std::size_t begin = part > 0 ? end + 1 : 0;
    end = std::min(label.find(between_parts, begin), label.size());
    const std::string_view text = label.substr(begin, end - begin);
    if (text.empty() || text == "-") return "";
  }
  return label.substr(0, end);
}

/// The place of a name among sorted ones, -1 if it is none of them.
int place_of(const std::vector<std::string>& names, const std::string& name) {
  const auto found = std::lower_bound(names.begin(), names.end(), name);
  return found != names.end() && *found == name ? static_cast<int>(found - names.begin()) : -1;
}

}  // namespace

std::string class_name(std::string_view labels, int level) {
  std::string_view common;
  for (bool first = true; !labels.empty(); first = false) {
    const std::size_t end = std::min(labels.find(between_labels), labels.size());
    const std::string_view name = first_parts(labels.substr(0, end), level);
    if (name.empty() || (!first && name != common)) return "";
    common = name;
    labels.remove_prefix(std::min(end + 1, labels.size()));
  }
  return std::string(common);
}

void ChainClasses::add_to(ShardRows& rows) const {
  const std::size_t proteins = rows.identity.size();
  rows.classes.resize(levels * proteins);
  for (std::size_t i = 0; i < proteins; ++i)
    for (std::size_t l = 0; l < levels; ++l)
      rows.classes[l * proteins + i] =
          of_chain[static_cast<std::size_t>(rows.identity[i]) * levels + l];
}

std::vector<std::string> read_labels(const Dataset& dataset, const std::string& column) {
  const io::File file = io::File::open(dataset.path());
  const std::vector<std::string> columns = columns_of(file);
  if (std::find(columns.begin(), columns.end(), column) == columns.end()) {
    const std::string near = deck::nearest(column, columns);
    fail(Exit::data,
         fmt::format("{}: it has no label '{}' (&classes label){}; its labels: {}", dataset.path(),
                     column, near.empty() ? "" : "; nearest is '" + near + "'",
                     columns.empty() ? "none: they are columns of &prepare table"
                                     : fmt::format("{}", fmt::join(columns, ", "))));
  }
  const io::Dataset stored = file.dataset(std::string(labels_group) + "/" + column);
  if (stored.rows() != static_cast<std::uint64_t>(dataset.chains()))
    fail(Exit::data, fmt::format("{} has {} rows, expected one for each of {} chains",
                                 stored.title(), stored.rows(), dataset.chains()));
  return stored.read_text();
}

bool has_labels(const Dataset& dataset, const std::string& column) {
  const auto columns = columns_of(io::File::open(dataset.path()));
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

LabelClasses::LabelClasses(std::string column, std::vector<int> levels,
                           std::span<const std::string> labels,
                           std::span<const std::int64_t> chains, const std::string& place)
    : column_(std::move(column)), levels_(std::move(levels)) {
  const auto label_of = [&](std::int64_t chain) -> const std::string& {
    return labels[static_cast<std::size_t>(chain)];
  };
  if (std::all_of(chains.begin(), chains.end(),
                  [&](std::int64_t chain) { return label_of(chain).empty(); }))
    fail(Exit::data,
         fmt::format("{}: none of the {} training chains has a label '{}'; choose another &classes "
                     "label, or fill that column of &prepare table",
                     place, chains.size(), column_));
  for (const int level : levels_) {
    std::vector<std::string> names;
    for (const std::int64_t chain : chains) {
      std::string name = class_name(label_of(chain), level);
      if (!name.empty()) names.push_back(std::move(name));
    }
    known_.push_back(static_cast<std::int64_t>(names.size()));
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    if (names.size() < 2)
      fail(Exit::data,
           fmt::format("{}: label '{}' makes {} of {} training chains at level {}; two are needed: "
                       "set &classes weights({}) = 0{}",
                       place, column_, names.empty() ? "no class" : "one class, " + names[0] + ",",
                       chains.size(), level, level,
                       level == levels_.back() && level > 1 ? ", or give fewer weights" : ""));
    names_.push_back(std::move(names));
  }
  const ChainClasses all = of(labels);
  const std::string names = text();
  std::uint64_t hash = digest(names.data(), names.size());
  for (const std::int64_t chain : chains)
    hash = digest(&all.of_chain[static_cast<std::size_t>(chain) * all.levels],
                  all.levels * sizeof(int), hash);
  hash_ = static_cast<std::int64_t>(hash);
}

std::vector<int> LabelClasses::sizes() const {
  std::vector<int> sizes;
  for (const auto& names : names_) sizes.push_back(static_cast<int>(names.size()));
  return sizes;
}

ChainClasses LabelClasses::of(std::span<const std::string> labels) const {
  ChainClasses classes{.levels = levels_.size(), .of_chain = {}};
  for (const std::string& label : labels)
    for (std::size_t l = 0; l < levels_.size(); ++l)
      classes.of_chain.push_back(place_of(names_[l], class_name(label, levels_[l])));
  return classes;
}

ChainClasses LabelClasses::of(const Dataset& dataset) const {
  if (!exist()) return {};
  return of(has_labels(dataset, column_)
                ? read_labels(dataset, column_)
                : std::vector<std::string>(static_cast<std::size_t>(dataset.chains())));
}

std::string LabelClasses::text() const {
  std::string text;
  for (std::size_t l = 0; l < levels_.size(); ++l)
    for (const std::string& name : names_[l]) text += fmt::format("{} {}\n", levels_[l], name);
  return text;
}

}  // namespace jespr::data
