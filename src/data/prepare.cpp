// From structure files to the packed dataset, on all ranks.
#include "data/prepare.hpp"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "data/chain_choice.hpp"
#include "data/chain_names.hpp"
#include "data/chain_table.hpp"
#include "data/dataset.hpp"
#include "data/dataset_writer.hpp"
#include "data/prepare_joining.hpp"
#include "data/prepare_report.hpp"
#include "data/prepare_sequences.hpp"
#include "data/sha256.hpp"
#include "data/shared_items.hpp"
#include "data/structure_file.hpp"
#include "io/files.hpp"

namespace jespr::data {
namespace {

// ---- Reading

std::string stem_of(const std::string& file_name) {
  std::string stem = file_name;
  for (const std::string_view ending : {".gz", ".pdb", ".ent", ".cif", ".mmcif"})
    if (stem.size() > ending.size() && has_ending(stem, ending))
      stem.resize(stem.size() - ending.size());
  return stem;
}

/// What the deck and the list want of a file; what they do not is a refusal.
void choose(const Item& item, const PrepareSettings& settings, StructureContent& content) {
  if (!item.selection.empty()) select(content, parse_selection(item.selection));
  std::vector<StructureChain> chosen;
  for (StructureChain& chain : content.chains) {
    const std::string objection = filter_objection(settings.filter, chain, content.resolution);
    if (!objection.empty()) {
      content.refusals.push_back({chain.id, objection});
      continue;
    }
    if (settings.missing == "drop") drop_missing(chain);
    chosen.push_back(std::move(chain));
  }
  content.chains = std::move(chosen);
}

/// "_10-120" of a selection with residue ranges.
std::string name_of_ranges(const Item& item) {
  if (item.selection.empty()) return "";
  const std::string ranges = parse_selection(item.selection).text;
  return ranges.empty() ? "" : "_" + ranges;
}

/// Names are by the file alone or by the chain, too: `by_file`.
void add_content(const Item& item, StructureContent content, const std::string& hash, bool by_file,
                 Findings& findings) {
  const std::string title = clean(item.title);
  const std::size_t first_row = findings.rows.size();
  if (!content.chains.empty()) findings.slab.sources.push_back({title, hash});
  const std::string stem = clean(stem_of(item.file_name())), ranges = name_of_ranges(item);
  for (StructureChain& chain : content.chains) {
    chain.id = clean(chain.id);
    ReportRow row{title, shown_id(chain.id), "read",
                  (by_file || chain.id.empty() ? stem : stem + "_" + chain.id) + ranges,
                  chain.note};
    row.residues = chain.length();
    for (std::size_t i = 0; i < chain.length(); ++i) row.complete += chain.is_complete(i);
    findings.row_of_record.push_back(findings.rows.size());
    findings.slab.records.push_back({std::move(chain),
                                     row.name,
                                     static_cast<std::int64_t>(findings.slab.sources.size()) - 1,
                                     {},
                                     content.resolution,
                                     {}});
    findings.rows.push_back(std::move(row));
  }
  for (const Refusal& refusal : content.refusals) {
    ReportRow row{title, shown_id(refusal.id), "refused", "", refusal.reason};
    row.is_of_part = std::any_of(findings.rows.begin() + static_cast<std::ptrdiff_t>(first_row),
                                 findings.rows.end(),
                                 [&](const ReportRow& other) { return other.chain == row.chain; });
    findings.rows.push_back(std::move(row));
  }
}

/// Says about once a second how far this rank is, by the bytes read.
class Progress {
 public:
  explicit Progress(std::span<const Item> items) : items_(items) {
    for (const Item& item : items) all_ += item.bytes + 1;
  }

  void operator()(std::size_t item) {
    done_ += items_[item].bytes + 1;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds(1)) return;
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    log::progress(
        fmt::format("reading: {} of {} files, {:.0f} s left", item + 1, items_.size(),
                    seconds * static_cast<double>(all_ - done_) / static_cast<double>(done_)));
  }

 private:
  std::span<const Item> items_;
  std::uint64_t all_ = 0, done_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_ = start_;
};

StructureOptions options_of(const PrepareSettings& settings) {
  StructureOptions options;
  options.model = static_cast<int>(settings.model);
  options.label_ids = settings.chain_ids == "label";
  options.plddt = settings.confidence == "plddt";
  return options;
}

/// A large file's memory would go back to the kernel and come anew, all zeros, with the next file:
/// a tenth of the time.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kept = 256 << 20, from_heap = 32 << 20;  // bytes; the latter is the most allowed
  mallopt(M_TRIM_THRESHOLD, kept);
  mallopt(M_MMAP_THRESHOLD, from_heap);
#endif
}

Findings read_share(std::span<const Item> items, const PrepareSettings& settings) {
  keep_freed_memory();
  Findings findings;
  Progress progress(items);
  const StructureOptions options = options_of(settings);
  read_items(items, [&](std::size_t i, std::string bytes, const std::string& problem) {
    const Item& item = items[i];
    try {
      if (!problem.empty()) fail(Exit::data, problem);
      const std::string hash = sha256(bytes);
      StructureContent content = read_structure(std::move(bytes), options);
      // Of the whole file, so that no name depends on what is chosen of it.
      const bool by_file = settings.chain_names == "file" && content.chains.size() == 1;
      choose(item, settings, content);
      add_content(item, std::move(content), hash, by_file, findings);
    } catch (const Error& error) {
      std::string reason = error.what();
      if (item.is_named && is_list(item.path)) reason += "; a list may not name a list";
      findings.rows.push_back({clean(item.title), "", "refused", "", reason});
    }
    progress(i);
  });
  return findings;
}

// ---- Counting

/// Of `items` files; what this rank knows of `mine` is summed over the ranks, but for the largest
/// cluster, which all know.
PrepareCounts count(const Findings& findings, std::size_t items, const PrepareCounts& mine,
                    const Communicator& communicator) {
  PrepareCounts counts = mine;
  for (const ReportRow& row : findings.rows) {
    if (row.outcome == "read") {
      ++counts.chains;
      counts.residues += static_cast<std::int64_t>(row.residues);
      counts.complete += static_cast<std::int64_t>(row.complete);
    } else if (row.outcome == "refused") {
      ++(row.chain.empty() ? counts.refused_files
         : row.is_of_part  ? counts.refused_parts
                           : counts.refused_chains);
    }
  }
  for (const Record& record : findings.slab.records)
    ++counts.splits[static_cast<std::size_t>(record.row.split)];
  for (std::int64_t* number :
       {&counts.refused_files, &counts.chains, &counts.refused_chains, &counts.refused_parts,
        &counts.renamed, &counts.twins, &counts.residues, &counts.complete, &counts.unlisted,
        &counts.splits[0], &counts.splits[1], &counts.splits[2]})
    *number = communicator.sum(*number);
  counts.files = static_cast<std::int64_t>(items) - counts.refused_files;
  return counts;
}

}  // namespace

void run_prepare(const PrepareSettings& settings, const std::string& deck,
                 const Communicator& communicator) {
  const std::string table_text = check_files(settings, communicator);
  const Split default_split = split_of(settings.default_split);
  const ChainTable table = settings.table.empty()
                               ? ChainTable{}
                               : parse_chain_table(table_text, settings.table, default_split);

  std::vector<Item> items = list_shared_items(settings.sources, communicator);
  if (settle_kind(items, settings) == SourceKind::sequences)
    return prepare_sequences(items, settings, table, deck, communicator);
  Findings findings = read_share(share(items, communicator), settings);
  PrepareCounts mine;
  mine.renamed = rename_repeated(findings, communicator);
  if (settings.duplicates == "drop") mine.twins = drop_twins(findings, communicator);
  mine.unlisted = join_table(findings.slab, table, default_split);
  mine.largest_cluster = assign_splits(findings.slab, settings, communicator);
  const PrepareCounts counts = count(findings, items.size(), mine, communicator);
  const std::vector<Record>& records = findings.slab.records;
  print_counts(counts, settings, static_cast<std::int64_t>(table.rows.size()),
               records.empty() ? "" : records.front().name);
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
