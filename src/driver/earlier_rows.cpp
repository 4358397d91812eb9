// Rows of earlier steps.
#include "driver/earlier_rows.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>  // for strtod
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/hdf5.hpp"

namespace jespr {
namespace {

using Rows = std::vector<std::vector<double>>;

struct FileRows {
  Rows rows = {};
  bool cut = false;      // it lacks rows that it must have had
  bool missing = false;  // there is no file
};

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, ',');) fields.push_back(field);
  return fields;
}

[[noreturn]] void refuse_columns(const std::string& path, const std::string& line,
                                 const std::vector<std::string>& columns) {
  const std::vector<std::string> found = fields_of(line);
  const auto [a, b] = std::mismatch(found.begin(), found.end(), columns.begin(), columns.end());
  const auto name = [](auto place, const std::vector<std::string>& names) {
    return place == names.end() ? std::string("no more") : "'" + *place + "'";
  };
  fail(Exit::deck,
       fmt::format("{}: its columns are not those of this deck and program version: {} where this "
                   "run has {} (&classes names some, &validate recall those of recall); restore "
                   "the value, or move the file away: the rows then come from history.h5, if that "
                   "has all columns of this run, or are left out",
                   path, name(a, found), name(b, columns)));
}

FileRows rows_of_csv(const std::string& path, const std::vector<std::string>& columns,
                     std::int64_t last_step) {
  FileRows found;
  std::ifstream in(path);
  if (!in) return {.missing = true};
  const std::string expected = header_of(columns);
  std::string line;
  std::getline(in, line);
  if (in.eof() && expected.starts_with(line)) return {.cut = true};
  if (line != expected) refuse_columns(path, line, columns);
  const auto last = static_cast<double>(last_step);
  while (std::getline(in, line)) {
    std::vector<double> row;
    for (const std::string& field : fields_of(line))
      row.push_back(std::strtod(field.c_str(), nullptr));
    const bool broken = in.eof() || row.size() != columns.size();
    // Of a row that a kill has cut short nobody needs more, unless it is of a step that counts.
    if (broken) found.cut = row.size() > 1 && row.front() <= last;
    if (broken || row.front() > last) break;
    found.rows.push_back(std::move(row));
  }
  return found;
}

/// None where the copy cannot be read or has other columns.
Rows rows_of_copy(const std::string& path, const std::string& group,
                  const std::vector<std::string>& columns, std::int64_t last_step) {
  Rows rows;
  if (!io::File::is_hdf5(path)) return rows;
  try {
    const io::File file = io::File::open(path);
    const auto names = file.exists(group) ? file.children(group) : std::vector<std::string>();
    for (const std::string& column : columns)
      if (std::find(names.begin(), names.end(), column) == names.end()) return rows;
    rows.resize(file.dataset(group + "/" + columns.front()).rows());
    for (const std::string& column : columns) {
      const auto values = file.dataset(group + "/" + column).read_rows<double>(0, rows.size());
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i].push_back(values[i]);
    }
  } catch (const Error&) {
    return {};
  }
  std::erase_if(rows, [last_step](const std::vector<double>& row) {
    return row.front() > static_cast<double>(last_step);
  });
  return rows;
}

}  // namespace

std::string header_of(const std::vector<std::string>& columns) {
  return fmt::format("{}", fmt::join(columns, ","));
}

std::vector<std::vector<double>> earlier_rows(const std::string& path,
                                              const std::vector<std::string>& columns,
                                              std::int64_t last_step, bool every_step) {
  FileRows found = rows_of_csv(path, columns, last_step);
  const std::filesystem::path file(path);
  const std::string copy = (file.parent_path() / "history.h5").string();
  Rows copied = rows_of_copy(copy, "/" + file.stem().string(), columns, last_step);
  std::string source = path + " was cut short";
  if (copied.size() > found.rows.size()) {
    log::warning(found.missing
                     ? fmt::format("{} is missing: its {} rows up to step {} are taken from {}",
                                   path, copied.size(), last_step, copy)
                     : fmt::format("{}: it has {} of {} rows up to step {}; the others are taken "
                                   "from {}",
                                   source, found.rows.size(), copied.size(), last_step, copy));
    if (found.missing) source = copy;
    found = {.rows = std::move(copied)};
  }
  const auto ends_at = [&] { return found.rows.empty() ? 0.0 : found.rows.back().front(); };
  const bool any = found.cut || !found.rows.empty();
  if (found.cut || (any && every_step && ends_at() < static_cast<double>(last_step)))
    log::warning(
        fmt::format("{}: its rows end at step {}, the run goes on after step {}; what was between "
                    "is lost",
                    source, ends_at(), last_step));
  return found.rows;
}

}  // namespace jespr
