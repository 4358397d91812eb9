// History.
#include "driver/history.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "driver/earlier_rows.hpp"
#include "io/files.hpp"
#include "io/hdf5.hpp"

namespace jespr {
namespace {

template <class Visit>
void for_each_class_column(const std::vector<ClassColumns>& row, const std::vector<int>& levels,
                           const Visit& visit) {
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const ClassColumns level = l < row.size() ? row[l] : ClassColumns{};
    visit(fmt::format("class_loss_{}", levels[l]), level.loss);
    visit(fmt::format("class_accuracy_sequence_{}", levels[l]), level.accuracy_sequence);
    visit(fmt::format("class_accuracy_structure_{}", levels[l]), level.accuracy_structure);
    visit(fmt::format("class_proteins_{}", levels[l]), level.proteins);
  }
}

/// Calls visit(name, value) for every column of a row, in the order of the file.
template <class Visit>
void for_each_column(const HistoryRow& row, const NumberedColumns& numbers, const Visit& visit) {
  visit("step", row.step);
  visit("epoch", row.epoch);
  visit("loss", row.loss);
  visit("accuracy_sequence_to_structure", row.accuracy_sequence_to_structure);
  visit("accuracy_structure_to_sequence", row.accuracy_structure_to_sequence);
  visit("logit_scale", row.logit_scale);
  visit("learning_rate", row.learning_rate);
  visit("gradient_norm", row.gradient_norm);
  visit("skipped", row.skipped);
  visit("language_loss", row.language_loss);
  visit("language_accuracy", row.language_accuracy);
  for_each_class_column(row.classes, numbers.class_levels, visit);
  visit("seconds", row.seconds);
  visit("proteins_per_second", row.proteins_per_second);
  visit("residues_per_second", row.residues_per_second);
  visit("gflops", row.gflops);
  visit("fraction_of_peak", row.fraction_of_peak);
  visit("loader_wait_fraction", row.loader_wait_fraction);
}

template <class Visit>
void for_each_column(const ValidationRow& row, const NumberedColumns& numbers, const Visit& visit) {
  const std::vector<std::int64_t>& recall_at = numbers.recall_at;
  visit("step", row.step);
  visit("loss", row.loss);
  visit("accuracy_sequence_to_structure", row.accuracy_sequence_to_structure);
  visit("accuracy_structure_to_sequence", row.accuracy_structure_to_sequence);
  for (std::size_t k = 0; k < recall_at.size(); ++k)
    visit(fmt::format("recall_{}", recall_at[k]), k < row.recall.size() ? row.recall[k] : 0.0);
  visit("equal_length_percentile", row.equal_length_percentile);
  visit("lower", row.lower);
  visit("upper", row.upper);
  visit("language_loss", row.language_loss);
  visit("language_accuracy", row.language_accuracy);
  for_each_class_column(row.classes, numbers.class_levels, visit);
  visit("rank_sequence", row.rank_sequence);
  visit("rank_structure", row.rank_structure);
  visit("best", row.best);
}

std::string line_of(const std::vector<double>& values) {
  std::string line;
  for (double value : values) line += fmt::format("{}{}", line.empty() ? "" : ",", value);
  return line;
}

template <class RowType>
void write_group(io::File& file, const std::string& group, const Table<RowType>& table) {
  file.create_group(group);
  for (std::size_t c = 0; c < table.columns().size(); ++c) {
    std::vector<double> values;
    for (const auto& row : table.rows()) values.push_back(row[c]);
    auto dataset = file.create_dataset<double>(group + "/" + table.columns()[c], {values.size()});
    dataset.write_rows(0, std::span<const double>(values));
    dataset.seal();
  }
}

}  // namespace

template <class RowType>
Table<RowType>::Table(std::string path, std::int64_t last_step, bool writes,
                      std::vector<int> class_levels, std::vector<std::int64_t> recall_at)
    : path_(std::move(path)),
      writes_(writes),
      numbers_{std::move(class_levels), std::move(recall_at)} {
  for_each_column(RowType{}, numbers_,
                  [&](const std::string& name, double) { columns_.push_back(name); });
  if (!writes_) return;
  constexpr bool every_step = std::is_same_v<RowType, HistoryRow>;
  if (last_step > 0) rows_ = earlier_rows(path_, columns_, last_step, every_step);
  const std::string temporary = io::temporary_name(path_);
  std::ofstream out(temporary);
  out << header_of(columns_) << '\n';
  for (const auto& row : rows_) out << line_of(row) << '\n';
  out.close();
  if (!out)
    fail(Exit::runtime, fmt::format("{}: cannot be written: {}", temporary, std::strerror(errno)));
  io::publish_file(temporary, path_);
  file_ = std::fopen(path_.c_str(), "a");
  if (!file_)
    fail(Exit::runtime, fmt::format("{}: cannot be opened: {}", path_, std::strerror(errno)));
}

template <class RowType>
Table<RowType>::~Table() {
  if (file_) std::fclose(file_);
}

template <class RowType>
void Table<RowType>::append(const RowType& row) {
  if (!writes_) return;
  std::vector<double> values;
  for_each_column(row, numbers_,
                  [&](const std::string&, double value) { values.push_back(value); });
  const std::string line = line_of(values) + '\n';
  rows_.push_back(std::move(values));
  if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() || std::fflush(file_) != 0)
    fail(Exit::runtime, fmt::format("{}: cannot be written: {}", path_, std::strerror(errno)));
}

void write_history_file(const std::string& path, const Table<HistoryRow>& history,
                        const std::vector<ValidationTable>& validations, const std::string& deck) {
  const std::string temporary = io::temporary_name(path);
  io::File file = io::File::create(temporary);
  file.write_text("/deck", deck);
  write_group(file, "/history", history);
  for (const auto& [group, table] : validations)
    if (!table->rows().empty()) write_group(file, "/" + group, *table);
  file.close();
  io::publish_file(temporary, path);
}

template class Table<HistoryRow>;
template class Table<ValidationRow>;

}  // namespace jespr
