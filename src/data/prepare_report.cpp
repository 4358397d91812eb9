// Report, checks of files and counts of task 'prepare'.
#include "data/prepare_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/files.hpp"

namespace jespr::data {
namespace {

/// Why a file may not be written, "" if it may: it is there and the deck does not say overwrite, or
/// it is what this run reads.
std::string output_problem(const std::string& path, const PrepareSettings& settings) {
  if (!io::file_exists(path)) return "";
  if (!settings.overwrite) return path + ": exists; say overwrite = .true. or give another name";
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return path + ": is a folder";
  std::vector<std::string> inputs = settings.sources;
  inputs.push_back(settings.table);
  for (const std::string& input : inputs)  // by another path: the deck's check compared the paths
    if (std::filesystem::equivalent(path, input, error))
      return path + ": is the same file as " + input + ", which is read; give another name";
  return "";
}

/// Of the sources that the deck names those that are not there, "" if all are: most likely
/// misspelt. A file of a list or a link to nothing is a row of the report instead.
std::string source_problem(const PrepareSettings& settings) {
  std::string problem;
  for (const std::string& source : settings.sources) {
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::symlink_status(source, error);
    if (status.type() == std::filesystem::file_type::not_found)
      problem += fmt::format("{}&prepare sources: {}: no such file or folder",
                             problem.empty() ? "" : "\n", source);
  }
  return problem;
}

/// Whole clusters may leave a split without its share: nobody should learn that from a validation
/// of nothing.
void warn_of_short_splits(const PrepareCounts& counts, const PrepareSettings& settings) {
  if (settings.split != "by_cluster") return;
  std::string text;
  const auto add = [&](Split split, double share) {
    const std::int64_t chains = counts.splits[static_cast<std::size_t>(split)];
    if (static_cast<double>(chains) >= 0.5 * share * static_cast<double>(counts.chains)) return;
    text += fmt::format("{}{} has {} where {}_share = {} asks for {:.1f}", text.empty() ? "" : ", ",
                        name_of(split), counted(chains, "chain"), name_of(split), share,
                        share * static_cast<double>(counts.chains));
  };
  add(Split::validation, settings.validation_share);
  add(Split::test, settings.test_share);
  if (text.empty()) return;
  log::warning(fmt::format(
      "{}: the largest cluster has {} of {}, and a cluster larger than what a split lacks is for "
      "training; give smaller clusters ({}), larger shares or more chains",
      text, counts.largest_cluster, counted(counts.chains, "chain"),
      settings.clusters == "kmers" ? "a larger least_shared, or a table with cluster30"
                                   : "cluster30 of a search at higher identity"));
}

}  // namespace

std::string ReportRow::text() const {
  std::string line =
      fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t", source, chain, outcome, name, residues, complete);
  for (const char c : remark) line += c == '\t' || c == '\n' ? ' ' : c;  // a library's words
  return line + '\n';
}

void ReportRow::add_remark(const std::string& text) {
  remark += (remark.empty() ? "" : "; ") + text;
}

std::string counted(std::int64_t number, const std::string& thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

std::string check_files(const PrepareSettings& settings, const Communicator& communicator) {
  std::string problem, text;
  if (communicator.is_root()) {
    const std::string report = report_of(settings);
    try {
      problem = source_problem(settings);
      if (problem.empty()) problem = output_problem(settings.dataset, settings);
      if (problem.empty()) problem = output_problem(report, settings);
      if (problem.empty() && io::file_exists(report) &&
          !io::read_file(report).starts_with(report_header))
        problem = report + ": exists and is no report of this program; give another name";
      if (problem.empty() && !settings.table.empty()) text = io::read_file(settings.table);
    } catch (const Error& error) {
      problem = error.what();
    }
  }
  problem = communicator.broadcast(problem);
  if (!problem.empty()) fail(Exit::deck, problem);
  return communicator.broadcast(text);
}

void write_report(const std::string& path, const std::vector<ReportRow>& rows,
                  const Communicator& communicator) {
  std::string text;
  for (const ReportRow& row : rows) text += row.text();
  const std::vector<std::string> parts = communicator.all_gather(text);
  if (communicator.is_root()) {
    text = report_header;
    for (const std::string& part : parts) text += part;
    io::make_parent_directories(path);
    io::write_text_file(path, text);
  }
  communicator.barrier();
}

void print_counts(const PrepareCounts& counts, const PrepareSettings& settings,
                  std::int64_t table_rows, const std::string& example) {
  const std::string thing = counts.are_sequences ? "record" : "chain";
  const std::string content =
      fmt::format("read       {}: {}, {}", counted(counts.files, "file"),
                  counted(counts.chains, counts.are_sequences ? "sequence" : "chain"),
                  counted(counts.residues, "residue"));
  log::line(counts.are_sequences ? content
                                 : fmt::format("{}, {} of them without coordinates", content,
                                               counts.residues - counts.complete));
  const std::string files = counted(counts.refused_files, "file"),
                    things = counted(counts.refused_chains, thing);
  const std::string all = counts.refused_parts == 0
                              ? fmt::format("{} and {}", files, things)
                              : fmt::format("{}, {} and {}", files, things,
                                            counted(counts.refused_parts, "part") + " of chains");
  log::line(fmt::format("refused    {}: {}", all, report_of(settings)));
  if (counts.renamed > 0)
    log::line(fmt::format("renamed    {} whose name another {} has: see the report",
                          counted(counts.renamed, thing), thing));
  if (counts.twins > 0)
    log::line(
        fmt::format("twins      {} left out that have the sequence of another: see the report",
                    counted(counts.twins, thing)));
  log::line(fmt::format("splits     {} train, {} validation, {} test", counts.splits[0],
                        counts.splits[1], counts.splits[2]));
  warn_of_short_splits(counts, settings);
  const std::int64_t listed = counts.chains - counts.unlisted;
  if (counts.unlisted > 0 && !settings.table.empty())
    log::warning(fmt::format(
        "{} without a row in {} {}", counted(counts.unlisted, thing), settings.table,
        settings.split == "by_cluster" ? "are clusters of their own"
                                       : "in the split '" + settings.default_split + "'"));
  if (listed < table_rows)
    log::warning(fmt::format("{} of {} without a {} that was read{}",
                             counted(table_rows - listed, "row"), settings.table, thing,
                             example.empty() ? "" : "; names are like " + example));
}

}  // namespace jespr::data
