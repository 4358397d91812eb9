// Splits, clusters and labels from a TSV file.
#include "data/chain_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <optional>

#include "base/error.hpp"
#include "data/utf8.hpp"

namespace jespr::data {
namespace {

constexpr std::array<std::string_view, 3> split_names = {"train", "validation", "test"};

std::vector<std::string> split_fields(std::string_view line) {
  std::vector<std::string> fields;
  for (;;) {
    const std::size_t tab = line.find('\t');
    fields.emplace_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return fields;
    line.remove_prefix(tab + 1);
  }
}

/// The integer that the whole text is, if it is one.
std::optional<std::int32_t> number_of(const std::string& text) {
  std::int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return number;
}

/// Column cluster30 of all rows: numbers stay what they are; with a name among them all are names,
/// numbered by their first appearance.
class ClusterColumn {
 public:
  /// `row` stays where it is. Failure: Error (data).
  void add(ChainTable::Row& row, const std::string& text) {
    if (text.empty()) return;
    const std::optional<std::int32_t> number = number_of(text);
    if (number && *number < 0)  // other programs' "none": one cluster of all strangers otherwise
      fail(Exit::data, "cluster30 is '" + text + "', expected a number >= 0, a name or nothing");
    all_numbers_ = all_numbers_ && number;
    cells_.push_back({&row, text, number.value_or(no_cluster)});
  }

  void number_rows() {
    std::unordered_map<std::string, std::int32_t> numbers;
    for (const Cell& cell : cells_)
      cell.row->cluster =
          all_numbers_
              ? cell.number
              : numbers.emplace(cell.text, static_cast<std::int32_t>(numbers.size())).first->second;
  }

 private:
  struct Cell {
    ChainTable::Row* row;
    std::string text;
    std::int32_t number;
  };
  std::vector<Cell> cells_;
  bool all_numbers_ = true;
};

/// Why the header cannot be used, "" if it can.
std::string header_problem(const std::vector<std::string>& header) {
  if (std::find(header.begin(), header.end(), "name") == header.end())
    return header.size() == 2
               ? "the header line needs one tab-separated column 'name' (two columns of MMseqs2 or "
                 "Foldseek need the header cluster30, name)"
               : "the header line needs one tab-separated column 'name'";
  for (std::size_t i = 0; i < header.size(); ++i) {
    const std::string& column = header[i];
    const std::string which = "column " + std::to_string(i + 1);
    if (column.empty()) return which + " of the header has no name";
    if (column == "." || column.find('/') != std::string::npos)
      return which + " is '" + column + "'; a name may not be '.' and not hold a '/'";
    const auto before = std::find(header.begin(), header.end(), column) - header.begin();
    if (before < static_cast<std::ptrdiff_t>(i))
      return which + " is '" + column + "', as column " + std::to_string(before + 1) +
             " is: each needs a name of its own";
  }
  return "";
}

}  // namespace

std::string_view name_of(Split split) { return split_names[static_cast<std::size_t>(split)]; }

Split split_of(std::string_view name) {
  if (name == "val") return Split::validation;
  const auto found = std::find(split_names.begin(), split_names.end(), name);
  if (found == split_names.end())
    fail(Exit::data, "split is '" + std::string(name) + "', expected train, validation or test");
  return static_cast<Split>(found - split_names.begin());
}

ChainTable parse_chain_table(std::string_view text, const std::string& title, Split default_split) {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  ChainTable table;
  ClusterColumn clusters;
  std::vector<std::string> header;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    std::vector<std::string> fields = split_fields(line);
    const std::string place = title + ":" + std::to_string(number) + ": ";
    for (std::size_t i = 0; i < fields.size(); ++i)
      if (valid_utf8(fields[i]) < fields[i].size())
        fail(Exit::data, place + "column " + std::to_string(i + 1) + " is not UTF-8");
    if (header.empty()) {
      header = std::move(fields);
      const std::string problem = header_problem(header);
      if (!problem.empty()) fail(Exit::data, place + problem);
      for (const std::string& column : header)
        if (column != "name" && column != "split" && column != "cluster30")
          table.label_columns.push_back(column);
      continue;
    }
    if (fields.size() != header.size())
      fail(Exit::data, place + std::to_string(fields.size()) + " columns, the header has " +
                           std::to_string(header.size()));
    std::string name, cluster;
    ChainTable::Row row;
    row.split = default_split;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      try {
        if (header[i] == "name")
          name = fields[i];
        else if (header[i] == "split")
          row.split = split_of(fields[i]);
        else if (header[i] == "cluster30")
          cluster = std::move(fields[i]);
        else
          row.labels.push_back(std::move(fields[i]));
      } catch (const Error& error) {
        fail(Exit::data, place + error.what());
      }
    }
    if (name.empty()) fail(Exit::data, place + "name is empty");
    const auto [kept, is_new] = table.rows.emplace(name, std::move(row));
    if (!is_new) fail(Exit::data, place + "chain '" + name + "' has a row already");
    try {
      clusters.add(kept->second, cluster);
    } catch (const Error& error) {
      fail(Exit::data, place + error.what());
    }
  }
  if (header.empty()) fail(Exit::data, title + ": the table is empty");
  clusters.number_rows();
  return table;
}

}  // namespace jespr::data
