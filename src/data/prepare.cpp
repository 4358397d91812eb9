// From structure files to the packed dataset, on all ranks.
#include "data/prepare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <unordered_set>

#include "base/error.hpp"
#include "base/log.hpp"
#include "data/archive.hpp"
#include "data/chain_table.hpp"
#include "data/dataset.hpp"
#include "data/dataset_writer.hpp"
#include "data/sha256.hpp"
#include "data/structure_file.hpp"
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
    return fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", source, chain, outcome, name, residues,
                       complete, remark);
  }
};

/// What a rank found in its items.
struct Findings {
  Slab slab;
  std::vector<Row> rows;
  std::vector<std::size_t> row_of_record;
};

struct Counts {
  std::int64_t files = 0, refused_files = 0, chains = 0, refused_chains = 0, residues = 0,
               complete = 0, unlisted = 0;
  std::array<std::int64_t, 3> splits{};
};

// ---- Items: listed by one rank, known to all

std::string pack(const std::vector<Item>& items) {
  std::string text;
  for (const Item& item : items)
    for (const std::string& field :
         {item.path, item.member, std::to_string(item.bytes), item.problem})
      text += field + '\0';
  return text;
}

std::vector<Item> unpack(const std::string& text) {
  std::vector<Item> items;
  std::size_t begin = 0;
  const auto field = [&] {
    const std::size_t end = text.find('\0', begin);
    const std::string value = text.substr(begin, end - begin);
    begin = end + 1;
    return value;
  };
  while (begin < text.size()) {
    Item item;
    item.path = field();
    item.member = field();
    item.bytes = std::stoull(field());
    item.problem = field();
    items.push_back(std::move(item));
  }
  return items;
}

/// The items of one rank: consecutive ones, so that the order of chains does not depend on the
/// ranks, and of about equal size in all.
std::span<const Item> share(const std::vector<Item>& items, const Communicator& communicator) {
  std::uint64_t total = 0;
  for (const Item& item : items) total += item.bytes + 1;
  const auto first_of = [&](int rank) {
    const std::uint64_t goal =
        total * static_cast<std::uint64_t>(rank) / static_cast<std::uint64_t>(communicator.size());
    std::uint64_t sum = 0;
    std::size_t i = 0;
    while (i < items.size() && sum + (items[i].bytes + 1) / 2 < goal) sum += items[i++].bytes + 1;
    return i;
  };
  const std::size_t begin = first_of(communicator.rank());
  const std::size_t end = communicator.rank() + 1 == communicator.size()
                              ? items.size()
                              : first_of(communicator.rank() + 1);
  return std::span(items).subspan(begin, end - begin);
}

// ---- Reading

std::string stem_of(const std::string& file_name) {
  std::string stem = file_name;
  for (const std::string_view ending : {".gz", ".pdb", ".ent", ".cif", ".mmcif"})
    if (stem.size() > ending.size() && stem.ends_with(ending))
      stem.resize(stem.size() - ending.size());
  return stem;
}

/// What tables and reports separate by must not be part of a name.
std::string clean(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c <= ' '; }, '_');
  return text;
}

/// A chain's id in the report, where nothing stands for the whole file.
std::string shown(const std::string& id) { return id.empty() ? "-" : id; }

void add_content(const Item& item, StructureContent content, const std::string& hash,
                 const PrepareSettings& settings, Findings& findings) {
  const std::string title = clean(item.title());
  if (!content.chains.empty()) findings.slab.sources.push_back({title, hash});
  const bool by_file = settings.chain_names == "file" && content.chains.size() == 1;
  const std::string stem = clean(stem_of(item.file_name()));
  for (StructureChain& chain : content.chains) {
    const std::string id = clean(chain.id);
    Row row{title, shown(id), "read", by_file || id.empty() ? stem : stem + "_" + id, chain.note};
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
    std::string reason = problem;
    if (reason.empty()) {
      try {
        const std::string hash = sha256(bytes);
        StructureContent content = read_structure(std::move(bytes));
        add_content(item, std::move(content), hash, settings, findings);
      } catch (const Error& error) {
        reason = error.what();
      }
    }
    if (!reason.empty()) findings.rows.push_back({clean(item.title()), "", "refused", "", reason});
    progress(i + 1, items.size());
  });
  return findings;
}

// ---- Joining

/// Drops the chains whose name another has taken before, on this or a lower rank.
void refuse_repeated_names(Findings& findings, const Communicator& communicator) {
  std::string mine;
  for (const Record& record : findings.slab.records) mine += record.name + '\n';
  const std::vector<std::string> all = communicator.all_gather(mine);
  std::unordered_set<std::string> taken;
  for (int rank = 0; rank < communicator.rank(); ++rank) {
    const std::string& names = all[static_cast<std::size_t>(rank)];
    for (std::size_t begin = 0; begin < names.size();) {
      const std::size_t end = names.find('\n', begin);
      taken.insert(names.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  std::vector<Record> kept;
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < findings.slab.records.size(); ++i) {
    Record& record = findings.slab.records[i];
    Row& row = findings.rows[findings.row_of_record[i]];
    if (taken.insert(record.name).second) {
      kept.push_back(std::move(record));
      rows.push_back(findings.row_of_record[i]);
    } else {
      row.outcome = "refused";
      row.remark = "another chain has the name " + row.name;
      row.name.clear();
    }
  }
  findings.slab.records = std::move(kept);
  findings.row_of_record = std::move(rows);
}

/// Drops the sources of which no chain is left.
void forget_unused_sources(Slab& slab) {
  std::vector<std::int64_t> number(slab.sources.size(), -1);
  std::vector<Source> used;
  for (Record& record : slab.records) {
    std::int64_t& mapped = number[static_cast<std::size_t>(record.source)];
    if (mapped < 0) {
      mapped = static_cast<std::int64_t>(used.size());
      used.push_back(slab.sources[static_cast<std::size_t>(record.source)]);
    }
    record.source = mapped;
  }
  slab.sources = std::move(used);
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

/// The root's look at what is there before anything is done: the table's text. Failure on all ranks
/// alike.
std::string check_files(const PrepareSettings& settings, const std::string& report,
                        const Communicator& communicator) {
  std::string problem, text;
  if (communicator.is_root()) {
    try {
      if (io::file_exists(settings.dataset) && !settings.overwrite)
        problem = settings.dataset + ": exists; say overwrite = .true. or give another name";
      else if (io::file_exists(report) && !settings.overwrite &&
               !io::read_file(report).starts_with(report_header))
        problem = report + ": exists and is no report of this program; give another name";
      else if (!settings.table.empty())
        text = io::read_file(settings.table);
    } catch (const Error& error) {
      problem = error.what();
    }
  }
  problem = communicator.broadcast(problem);
  if (!problem.empty()) fail(Exit::deck, problem);
  return communicator.broadcast(text);
}

void write_report(const std::string& path, const std::vector<Row>& rows,
                  const Communicator& communicator) {
  std::string text;
  for (const Row& row : rows) text += row.text();
  const std::vector<std::string> parts = communicator.all_gather(text);
  if (!communicator.is_root()) return;
  const std::string temporary = io::temporary_name(path);
  {
    std::ofstream file(temporary, std::ios::binary);
    file << report_header;
    for (const std::string& part : parts) file << part;
    if (!file.flush()) fail(Exit::runtime, temporary + ": cannot be written");
  }
  io::publish_file(temporary, path);
}

Counts count(const Findings& findings, std::size_t files, std::int64_t unlisted,
             const Communicator& communicator) {
  Counts counts;
  counts.files = static_cast<std::int64_t>(files);
  counts.unlisted = unlisted;
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
  for (std::int64_t* number : {&counts.refused_files, &counts.chains, &counts.refused_chains,
                               &counts.residues, &counts.complete, &counts.unlisted,
                               &counts.splits[0], &counts.splits[1], &counts.splits[2]})
    *number = communicator.sum(*number);
  return counts;
}

/// `table_rows` is the number of rows of the table, `example` the name of a chain.
void print(const Counts& counts, const PrepareSettings& settings, const std::string& report,
           std::int64_t table_rows, const std::string& example) {
  log::line(
      fmt::format("read       {} files: {} chains, {} residues, {} of them without "
                  "coordinates",
                  counts.files, counts.chains, counts.residues, counts.residues - counts.complete));
  log::line(fmt::format("refused    {} files and {} chains: {}", counts.refused_files,
                        counts.refused_chains, report));
  log::line(fmt::format("splits     {} train, {} validation, {} test", counts.splits[0],
                        counts.splits[1], counts.splits[2]));
  const std::int64_t listed = counts.chains - counts.unlisted;
  if (counts.unlisted > 0 && !settings.table.empty())
    log::warning(fmt::format("{} chains have no row in {} and belong to the split '{}'",
                             counts.unlisted, settings.table, settings.default_split));
  if (listed < table_rows)
    log::warning(fmt::format("{} rows of {} name no chain that was read; names are like {}",
                             table_rows - listed, settings.table, example));
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
  group.path("dataset", s.dataset, "the dataset to write").required();
  group.path("table", s.table,
             "TSV with columns name, split, cluster30; every other column becomes a label");
  group.path("report", s.report,
             "TSV of what was read and refused, and why; default: dataset with .report.tsv added");
  group.choice("chain_names", s.chain_names, {"file_chain", "file"},
               "names of chains: file name and chain id, or the file name where it has one chain");
  group.choice("default_split", s.default_split, {"train", "validation", "test"},
               "split of chains that the table does not list");
  group.logical("overwrite", s.overwrite, "replace an existing dataset");
}

void run_prepare(const PrepareSettings& settings, const std::string& deck,
                 const Communicator& communicator) {
  const std::string report =
      settings.report.empty() ? settings.dataset + ".report.tsv" : settings.report;
  const std::string table_text = check_files(settings, report, communicator);
  const Split default_split = split_of(settings.default_split);
  const ChainTable table = settings.table.empty()
                               ? ChainTable{}
                               : parse_chain_table(table_text, settings.table, default_split);

  const std::vector<Item> items = unpack(communicator.broadcast(
      communicator.is_root() ? pack(list_items(settings.sources)) : std::string()));
  Findings findings = read_share(share(items, communicator), settings);
  refuse_repeated_names(findings, communicator);
  forget_unused_sources(findings.slab);
  const std::int64_t unlisted = join(findings.slab, table, default_split);

  if (communicator.is_root()) {
    io::make_parent_directories(settings.dataset);
    io::make_parent_directories(report);
  }
  write_report(report, findings.rows, communicator);
  const Counts counts = count(findings, items.size(), unlisted, communicator);
  const std::vector<Record>& records = findings.slab.records;
  print(counts, settings, report, static_cast<std::int64_t>(table.rows.size()),
        records.empty() ? "(none)" : records.front().name);
  if (counts.chains == 0)
    fail(Exit::data,
         fmt::format("no protein chain was readable in {} files: see {}", counts.files, report));

  const std::string temporary = io::temporary_name(settings.dataset);
  write_dataset(temporary, findings.slab, table.label_columns, deck, communicator);
  communicator.barrier();
  { const Dataset checked = Dataset::open(temporary, communicator); }
  communicator.barrier();
  if (communicator.is_root()) io::publish_file(temporary, settings.dataset);
  communicator.barrier();
  log::line(fmt::format("dataset    {}, verified", settings.dataset));
}

}  // namespace jespr::data
