// Splits, clusters and labels from a TSV file.
#include "data/chain_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include "base/error.hpp"
#include "data/utf8.hpp"

namespace jespr::data {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";  // some editors begin UTF-8 with it

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

std::int32_t cluster_of(const std::string& text) {
  if (text.empty()) return no_cluster;
  std::int32_t cluster = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cluster);
  if (error != std::errc() || end != text.data() + text.size() || cluster < 0)
    fail(Exit::data, "cluster30 is '" + text + "', expected a number >= 0 or nothing");
  return cluster;
}

/// Why the header cannot be used, "" if it can.
std::string header_problem(const std::vector<std::string>& header) {
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
  if (std::find(header.begin(), header.end(), "name") == header.end())
    return "the header line needs one column 'name'";
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
    std::string name;
    ChainTable::Row row;
    row.split = default_split;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      try {
        if (header[i] == "name")
          name = fields[i];
        else if (header[i] == "split")
          row.split = split_of(fields[i]);
        else if (header[i] == "cluster30")
          row.cluster = cluster_of(fields[i]);
        else
          row.labels.push_back(std::move(fields[i]));
      } catch (const Error& error) {
        fail(Exit::data, place + error.what());
      }
    }
    if (name.empty()) fail(Exit::data, place + "name is empty");
    if (!table.rows.emplace(name, std::move(row)).second)
      fail(Exit::data, place + "chain '" + name + "' has a row already");
  }
  if (header.empty()) fail(Exit::data, title + ": the table is empty");
  return table;
}

}  // namespace jespr::data
