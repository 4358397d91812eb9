// From structure files to the packed dataset, on all ranks.
#include "data/prepare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "data/chain_names.hpp"
#include "data/chain_table.hpp"
#include "data/dataset.hpp"
#include "data/dataset_writer.hpp"
#include "data/sha256.hpp"
#include "data/shared_items.hpp"
#include "data/structure_file.hpp"
#include "data/utf8.hpp"
#include "deck/schema.hpp"
#include "io/files.hpp"

namespace jespr::data {
namespace {

constexpr std::string_view report_header =
    "source\tchain\toutcome\tname\tresidues\tcomplete\tremark\n";

/// A row of the report: a chain that was read or refused, or a file that was refused as a whole.
struct Row {
  std::string source, chain, outcome, name, remark;
  std::size_t residues = 0, complete = 0;

  std::string text() const {
    std::string line =
        fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t", source, chain, outcome, name, residues, complete);
    for (const char c : remark) line += c == '\t' || c == '\n' ? ' ' : c;  // a library's words
    return line + '\n';
  }
};

/// What a rank found in its items.
struct Findings {
  Slab slab;
  std::vector<Row> rows;
  std::vector<std::size_t> row_of_record;
};

struct Counts {
  std::int64_t files = 0, refused_files = 0, chains = 0, refused_chains = 0, renamed = 0,
               residues = 0, complete = 0, unlisted = 0;
  std::array<std::int64_t, 3> splits{};
};

// ---- Reading

std::string stem_of(const std::string& file_name) {
  std::string stem = file_name;
  for (const std::string_view ending : {".gz", ".pdb", ".ent", ".cif", ".mmcif"})
    if (stem.size() > ending.size() && stem.ends_with(ending))
      stem.resize(stem.size() - ending.size());
  return stem;
}

/// What tables and reports separate by must not be part of a name, nor what is not UTF-8.
std::string clean(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c <= ' '; }, '_');
  for (std::size_t i = 0; (i += valid_utf8(std::string_view(text).substr(i))) < text.size();)
    text[i] = '?';
  return text;
}

/// A chain's id in the report, where nothing stands for the whole file.
std::string shown(const std::string& id) { return id.empty() ? "-" : id; }

void add_content(const Item& item, StructureContent content, const std::string& hash,
                 const PrepareSettings& settings, Findings& findings) {
  const std::string title = clean(item.title);
  if (!content.chains.empty()) findings.slab.sources.push_back({title, hash});
  const bool by_file = settings.chain_names == "file" && content.chains.size() == 1;
  const std::string stem = clean(stem_of(item.file_name()));
  for (StructureChain& chain : content.chains) {
    chain.id = clean(chain.id);
    Row row{title, shown(chain.id), "read",
            by_file || chain.id.empty() ? stem : stem + "_" + chain.id, chain.note};
    row.residues = chain.length();
    for (std::size_t i = 0; i < chain.length(); ++i) row.complete += chain.is_complete(i);
    findings.row_of_record.push_back(findings.rows.size());
    findings.slab.records.push_back({std::move(chain),
                                     row.name,
                                     static_cast<std::int64_t>(findings.slab.sources.size()) - 1,
                                     {}});
    findings.rows.push_back(std::move(row));
  }
  for (const Refusal& refusal : content.refusals)
    findings.rows.push_back({title, shown(clean(refusal.id)), "refused", "", refusal.reason});
}

/// Says about once a second how far this rank is.
class Progress {
 public:
  void operator()(std::size_t done, std::size_t all) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds(1)) return;
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    log::progress(
        fmt::format("reading: {} of {} files, {:.0f} s left", done, all,
                    seconds * static_cast<double>(all - done) / static_cast<double>(done)));
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_ = start_;
};

Findings read_share(std::span<const Item> items, const PrepareSettings& settings) {
  Findings findings;
  Progress progress;
  read_items(items, [&](std::size_t i, std::string bytes, const std::string& problem) {
    const Item& item = items[i];
    try {
      if (!problem.empty()) fail(Exit::data, problem);
      const std::string hash = sha256(bytes);
      StructureContent content = read_structure(std::move(bytes));
      add_content(item, std::move(content), hash, settings, findings);
    } catch (const Error& error) {
      findings.rows.push_back({clean(item.title), "", "refused", "", error.what()});
    }
    progress(i + 1, items.size());
  });
  return findings;
}

// ---- Joining

/// Renames the chains whose name another has, on this or a lower rank; returns how many.
std::int64_t rename_repeated(Findings& findings, const Communicator& communicator) {
  std::vector<Record>& records = findings.slab.records;
  std::string mine;
  for (const Record& record : records)
    mine += record.name + '\n' +
            findings.slab.sources[static_cast<std::size_t>(record.source)].title + '\n';
  std::vector<WantedName> wanted;
  std::size_t begin = 0;  // of this rank's chains among them
  int rank = 0;
  for (const std::string& part : communicator.all_gather(mine)) {
    if (rank++ == communicator.rank()) begin = wanted.size();
    std::istringstream lines(part);
    for (WantedName chain; std::getline(lines, chain.name) && std::getline(lines, chain.title);)
      wanted.push_back(chain);
  }
  const std::vector<std::string> names = unique_names(wanted);
  std::int64_t renamed = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].name == names[begin + i]) continue;
    ++renamed;
    Row& row = findings.rows[findings.row_of_record[i]];
    row.remark += (row.remark.empty() ? "" : "; ") + ("another chain has the name " + row.name);
    row.name = records[i].name = names[begin + i];
  }
  return renamed;
}

/// Gives each chain its row of the table; returns how many have none.
std::int64_t join(Slab& slab, const ChainTable& table, Split default_split) {
  std::int64_t unlisted = 0;
  for (Record& record : slab.records) {
    const auto found = table.rows.find(record.name);
    if (found != table.rows.end()) {
      record.row = found->second;
    } else {
      ++unlisted;
      record.row.split = default_split;
      record.row.labels.resize(table.label_columns.size());
    }
  }
  return unlisted;
}

// ---- Output

std::string report_of(const PrepareSettings& settings) {
  return settings.report.empty() ? settings.dataset + ".report.tsv" : settings.report;
}

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

/// The root's look at what is there before anything is done: the table's text. Failure on all ranks
/// alike.
std::string check_files(const PrepareSettings& settings, const Communicator& communicator) {
  std::string problem, text;
  if (communicator.is_root()) {
    const std::string report = report_of(settings);
    try {
      problem = output_problem(settings.dataset, settings);
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

/// On disk when it returns on any rank.
void write_report(const std::string& path, const std::vector<Row>& rows,
                  const Communicator& communicator) {
  std::string text;
  for (const Row& row : rows) text += row.text();
  const std::vector<std::string> parts = communicator.all_gather(text);
  if (communicator.is_root()) {
    text = report_header;
    for (const std::string& part : parts) text += part;
    io::make_parent_directories(path);
    io::write_text_file(path, text);
  }
  communicator.barrier();
}

/// Of `items` files; what this rank knows of `mine` is summed over the ranks.
Counts count(const Findings& findings, std::size_t items, Counts mine,
             const Communicator& communicator) {
  Counts counts = mine;
  for (const Row& row : findings.rows) {
    if (row.outcome == "read") {
      ++counts.chains;
      counts.residues += static_cast<std::int64_t>(row.residues);
      counts.complete += static_cast<std::int64_t>(row.complete);
    } else {
      ++(row.chain.empty() ? counts.refused_files : counts.refused_chains);
    }
  }
  for (const Record& record : findings.slab.records)
    ++counts.splits[static_cast<std::size_t>(record.row.split)];
  for (std::int64_t* number :
       {&counts.refused_files, &counts.chains, &counts.refused_chains, &counts.renamed,
        &counts.residues, &counts.complete, &counts.unlisted, &counts.splits[0], &counts.splits[1],
        &counts.splits[2]})
    *number = communicator.sum(*number);
  counts.files = static_cast<std::int64_t>(items) - counts.refused_files;
  return counts;
}

/// "1 file", "2 files".
std::string counted(std::int64_t number, const std::string& thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

/// `table_rows` is the number of rows of the table, `example` the name of a chain.
void print(const Counts& counts, const PrepareSettings& settings, std::int64_t table_rows,
           const std::string& example) {
  log::line(fmt::format("read       {}: {}, {}, {} of them without coordinates",
                        counted(counts.files, "file"), counted(counts.chains, "chain"),
                        counted(counts.residues, "residue"), counts.residues - counts.complete));
  log::line(fmt::format("refused    {} and {}: {}", counted(counts.refused_files, "file"),
                        counted(counts.refused_chains, "chain"), report_of(settings)));
  if (counts.renamed > 0)
    log::line(fmt::format("renamed    {} whose name another chain has: see the report",
                          counted(counts.renamed, "chain")));
  log::line(fmt::format("splits     {} train, {} validation, {} test", counts.splits[0],
                        counts.splits[1], counts.splits[2]));
  const std::int64_t listed = counts.chains - counts.unlisted;
  if (counts.unlisted > 0 && !settings.table.empty())
    log::warning(fmt::format("{} without a row in {} in the split '{}'",
                             counted(counts.unlisted, "chain"), settings.table,
                             settings.default_split));
  if (listed < table_rows)
    log::warning(fmt::format("{} of {} without a chain that was read; names are like {}",
                             counted(table_rows - listed, "row"), settings.table, example));
}

// ---- The deck

/// Why the deck's paths cannot be right together, "" if they can: `path` is also another of them.
std::string path_objection(const std::string& path,
                           const std::vector<std::pair<std::string, std::string>>& others) {
  for (const auto& [what, other] : others)
    if (!path.empty() && path == other)
      return fmt::format("{} is also the {}; give another name", path, what);
  return "";
}

std::vector<std::pair<std::string, std::string>> sources_as_others(const PrepareSettings& s) {
  std::vector<std::pair<std::string, std::string>> others;
  for (const std::string& source : s.sources) others.emplace_back("source", source);
  return others;
}

}  // namespace

void declare(deck::Schema& schema, PrepareSettings& s) {
  auto& group = schema.group("prepare", "structure files in, one packed dataset out");
  group.only_for({"prepare"});
  group
      .paths(
          "sources", s.sources,
          "PDB and mmCIF files (also .gz), folders, lists (.txt, .list) and tar archives of them")
      .required();
  group.check("sources", [&s] {
    const auto empty = std::count(s.sources.begin(), s.sources.end(), "");
    return s.sources.size() > 1 && empty > 0 ? "one of the paths is empty" : "";
  });
  group.path("dataset", s.dataset, "the dataset to write").required();
  group.check("dataset", [&s] { return path_objection(s.dataset, sources_as_others(s)); });
  group.path("table", s.table,
             "TSV with columns name, split, cluster30; every other column becomes a label");
  group.check("table", [&s] {
    auto others = sources_as_others(s);
    others.emplace_back("dataset", s.dataset);
    return path_objection(s.table, others);
  });
  group.path("report", s.report,
             "TSV of what was read and refused, and why; default: dataset with .report.tsv added");
  group.check("report", [&s] {
    auto others = sources_as_others(s);
    others.emplace_back("dataset", s.dataset);
    others.emplace_back("table", s.table);
    return path_objection(report_of(s), others);
  });
  group.choice("chain_names", s.chain_names, {"file_chain", "file"},
               "names of chains: file name and chain id, or the file name where it has one chain");
  group.choice("default_split", s.default_split, {"train", "validation", "test"},
               "split of chains that the table does not list");
  group.logical("overwrite", s.overwrite, "replace an existing dataset and report");
}

void run_prepare(const PrepareSettings& settings, const std::string& deck,
                 const Communicator& communicator) {
  const std::string table_text = check_files(settings, communicator);
  const Split default_split = split_of(settings.default_split);
  const ChainTable table = settings.table.empty()
                               ? ChainTable{}
                               : parse_chain_table(table_text, settings.table, default_split);

  const std::vector<Item> items = list_shared_items(settings.sources, communicator);
  Findings findings = read_share(share(items, communicator), settings);
  Counts mine;
  mine.renamed = rename_repeated(findings, communicator);
  mine.unlisted = join(findings.slab, table, default_split);
  const Counts counts = count(findings, items.size(), mine, communicator);
  const std::vector<Record>& records = findings.slab.records;
  print(counts, settings, static_cast<std::int64_t>(table.rows.size()),
        records.empty() ? "(none)" : records.front().name);
  const std::string report = report_of(settings);
  if (counts.chains == 0) {
    write_report(report, findings.rows, communicator);
    fail(Exit::data, fmt::format("no protein chain was readable in {}: see {}",
                                 counted(static_cast<std::int64_t>(items.size()), "file"), report));
  }

  if (communicator.is_root()) io::make_parent_directories(settings.dataset);
  communicator.barrier();
  const std::string temporary = io::temporary_name(settings.dataset);
  write_dataset(temporary, findings.slab, table.label_columns, deck, communicator);
  communicator.barrier();
  { const Dataset checked = Dataset::open(temporary, communicator); }
  communicator.barrier();
  // The report last: a run that is cut off leaves no file that would stand in the next one's way.
  if (communicator.is_root()) io::publish_file(temporary, settings.dataset);
  write_report(report, findings.rows, communicator);
  log::line(fmt::format("dataset    {}, verified", settings.dataset));
}

}  // namespace jespr::data
