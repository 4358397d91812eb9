// Results of an evaluation.
#include "driver/evaluation_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "io/files.hpp"
#include "io/hdf5.hpp"
#include "io/json.hpp"

namespace jespr {
namespace {

constexpr double percent = 100.0;

/// A row of the table: what it is, and one text per column.
std::string row_text(const std::string& title, const std::vector<std::string>& cells) {
  std::string line = fmt::format("  {:<33}", title);
  for (const std::string& cell : cells) line += fmt::format("{:>15}", cell);
  return line;
}

template <class Text>
std::vector<std::string> cells_of(const RetrievalMeasures& measures, const Text& text) {
  std::vector<std::string> cells;
  for (const Estimate& recall : measures.recall) cells.push_back(text(recall, percent, 1, " %"));
  cells.push_back(text(measures.reciprocal_rank, 1.0, 3, ""));
  cells.push_back(text(measures.median_rank, 1.0, 1, ""));
  cells.push_back(text(measures.percentile, 1.0, 3, ""));
  return cells;
}

std::vector<std::string> value_cells(const RetrievalMeasures& measures) {
  return cells_of(measures, [](const Estimate& e, double factor, int digits, const char* unit) {
    return fmt::format("{:.{}f}{}", factor * e.value, digits, unit);
  });
}

std::vector<std::string> interval_cells(const RetrievalMeasures& measures) {
  return cells_of(measures, [](const Estimate& e, double factor, int digits, const char*) {
    return fmt::format("[{:.{}f}, {:.{}f}]", factor * e.lower, digits, factor * e.upper, digits);
  });
}

std::string spoken(const std::string& name) {
  std::string text = name;
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

void add_estimate(io::JsonText& json, const Estimate& estimate) {
  json.begin_object();
  json.key("value").value(estimate.value);
  json.key("lower").value(estimate.lower);
  json.key("upper").value(estimate.upper);
  json.end_object();
}

void add_measures(io::JsonText& json, const char* direction, const RetrievalMeasures& measures) {
  json.key(direction).begin_object();
  json.key("recall").begin_array();
  for (const Estimate& recall : measures.recall) add_estimate(json, recall);
  json.end_array();
  add_estimate(json.key("reciprocal_rank"), measures.reciprocal_rank);
  add_estimate(json.key("median_rank"), measures.median_rank);
  add_estimate(json.key("percentile"), measures.percentile);
  json.end_object();
}

void add_method(io::JsonText& json, const RankingMethod& method) {
  json.begin_object();
  json.key("name").value(method.name);
  add_measures(json, "sequence_to_structure", method.report.sequence_to_structure);
  add_measures(json, "structure_to_sequence", method.report.structure_to_sequence);
  add_measures(json, "pooled", method.report.pooled);
  if (method.sphere) {
    json.key("alignment").value(method.sphere->alignment);
    json.key("uniformity_sequence").value(method.sphere->uniformity_sequence);
    json.key("uniformity_structure").value(method.sphere->uniformity_structure);
  }
  json.end_object();
}

void add_gallery(io::JsonText& json, const GalleryEvaluation& evaluation) {
  json.begin_object();
  json.key("name").value(evaluation.name);
  json.key("proteins").value(static_cast<std::int64_t>(evaluation.chains.size()));
  json.key("kept_residues").value(evaluation.kept_residues);
  json.key("recall_at").begin_array();
  for (const std::int64_t k : evaluation.methods.front().report.recall_at) json.value(k);
  json.end_array();
  json.key("methods").begin_array();
  for (const RankingMethod& method : evaluation.methods) add_method(json, method);
  json.end_array().end_object();
}

template <class T>
void write_array(io::File& file, const std::string& path, const std::vector<T>& values,
                 const io::Shape& shape) {
  io::Dataset dataset = file.create_dataset<T>(path, shape);
  dataset.template write_rows<T>(0, std::span<const T>(values));
  dataset.seal();
}

void write_method(io::File& file, const std::string& group, const RankingMethod& method) {
  file.create_group(group);
  const std::uint64_t proteins = method.ranks.sequence_to_structure.size();
  if (proteins > 0) {
    std::vector<double> ranks;
    std::vector<std::int32_t> tied;
    for (std::size_t i = 0; i < proteins; ++i)
      for (const PartnerRank rank :
           {method.ranks.sequence_to_structure[i], method.ranks.structure_to_sequence[i]}) {
        ranks.push_back(expected_rank(rank));
        tied.push_back(rank.tied);
      }
    write_array(file, group + "/ranks", ranks, {proteins, 2});
    write_array(file, group + "/tied", tied, {proteins, 2});
  }
  if (method.embeddings.width == 0) return;
  const io::Shape shape = {proteins, static_cast<std::uint64_t>(method.embeddings.width)};
  write_array(file, group + "/sequence", method.embeddings.sequence, shape);
  write_array(file, group + "/structure", method.embeddings.structure, shape);
  const auto write_pooled = [&](const char* name, const std::vector<float>& rows) {
    if (!rows.empty()) write_array(file, group + name, rows, {proteins, rows.size() / proteins});
  };
  write_pooled("/sequence_pooled", method.embeddings.sequence_pooled);
  write_pooled("/structure_pooled", method.embeddings.structure_pooled);
}

void write_gallery(io::File& file, const GalleryEvaluation& evaluation) {
  const std::string group = "/" + evaluation.name;
  const std::uint64_t proteins = evaluation.chains.size();
  file.create_group(group);
  std::size_t width = 1;
  for (const std::string& chain : evaluation.chains) width = std::max(width, chain.size());
  io::Dataset names = file.create_text_dataset(group + "/chains", proteins, width);
  names.write_text_rows(0, evaluation.chains);
  names.seal();
  const std::vector<std::int32_t> lengths(evaluation.lengths.begin(), evaluation.lengths.end());
  write_array(file, group + "/lengths", lengths, {proteins});
  for (const RankingMethod& method : evaluation.methods)
    write_method(file, group + "/" + method.name, method);
}

}  // namespace

std::vector<std::string> evaluation_table(const GalleryEvaluation& evaluation) {
  std::vector<std::string> heads, lines;
  for (const std::int64_t k : evaluation.methods.front().report.recall_at)
    heads.push_back(fmt::format("recall@{}", k));
  heads.insert(heads.end(), {"mean 1/rank", "median rank", "percentile"});
  const std::string title = evaluation.kept_residues > 0
                                ? fmt::format("{} chains cut to {} residues",
                                              evaluation.chains.size(), evaluation.kept_residues)
                                : fmt::format("{} whole chains", evaluation.chains.size());
  lines.push_back(row_text(title, heads));
  for (const RankingMethod& method : evaluation.methods) {
    const std::string name = spoken(method.name);
    const RetrievalReport& report = method.report;
    if (method.sphere) {
      lines.push_back(
          row_text(name + ", sequence > structure", value_cells(report.sequence_to_structure)));
      lines.push_back(
          row_text(name + ", structure > sequence", value_cells(report.structure_to_sequence)));
      lines.push_back(row_text(name + ", pooled", value_cells(report.pooled)));
      if (report.pooled.percentile.has_interval())
        lines.push_back(row_text("  95 % interval", interval_cells(report.pooled)));
    } else {
      lines.push_back(row_text(name, value_cells(report.pooled)));
    }
  }
  for (const RankingMethod& method : evaluation.methods)
    if (method.sphere)
      lines.push_back(fmt::format(
          "  {}: alignment {:.3f}, uniformity of sequences {:.3f}, of structures {:.3f}",
          spoken(method.name), method.sphere->alignment, method.sphere->uniformity_sequence,
          method.sphere->uniformity_structure));
  return lines;
}

std::string evaluation_json(const EvaluationSource& source,
                            const std::vector<GalleryEvaluation>& evaluations) {
  io::JsonText json;
  json.begin_object();
  json.key("format").value("jespr evaluation");
  json.key("version").value(1);
  json.key("checkpoint").value(source.checkpoint);
  json.key("step").value(source.step);
  json.key("dataset").value(source.dataset);
  json.key("split").value(source.split);
  json.key("bootstrap").value(source.bootstrap);
  json.key("seed").value(source.seed);
  json.key("deck").value(source.deck);
  json.key("galleries").begin_array();
  for (const GalleryEvaluation& evaluation : evaluations) add_gallery(json, evaluation);
  json.end_array().end_object();
  return json.text();
}

void write_evaluation_file(const std::string& path, const EvaluationSource& source,
                           const std::vector<GalleryEvaluation>& evaluations) {
  const std::string temporary = io::temporary_name(path);
  io::File file = io::File::create(temporary);
  file.set_attribute("/", "format", std::string_view("jespr evaluation"));
  file.set_attribute("/", "version", std::int64_t{1});
  file.write_text("/evaluation", evaluation_json(source, evaluations));
  file.write_text("/deck", source.deck);
  for (const GalleryEvaluation& evaluation : evaluations) write_gallery(file, evaluation);
  file.close();
  io::publish_file(temporary, path);
}

}  // namespace jespr
