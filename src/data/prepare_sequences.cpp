// FASTA files to a dataset of sequences, on the root.
#include "data/prepare_sequences.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>  // for join

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "data/chain_names.hpp"
#include "data/dataset.hpp"
#include "data/fasta.hpp"
#include "data/hash_table.hpp"
#include "data/prepare_report.hpp"
#include "data/sequence_writer.hpp"
#include "data/split_assignment.hpp"
#include "data/spool.hpp"
#include "io/files.hpp"
#include "io/hdf5.hpp"

namespace jespr::data {
namespace {

/// A hash that is no empty place of a table.
std::uint64_t key_of(std::string_view text) {
  return std::max<std::uint64_t>(1, digest(text.data(), text.size()));
}

/// Makes names that are each there once: the first keeps it, later ones are NAME#2, NAME#3.
class UniqueNames {
 public:
  std::string add(const std::string& name) {
    if (known_.insert({key_of(name)}).second) return name;
    std::int64_t& count = repeats_[name];
    if (count == 0) count = 1;
    for (;;) {
      const std::string other = name + "#" + std::to_string(++count);
      if (known_.insert({key_of(other)}).second) return other;
    }
  }

 private:
  struct Known {
    std::uint64_t key = 0;
  };
  HashTable<Known> known_;
  std::unordered_map<std::string, std::int64_t> repeats_;
};

/// The first record of each sequence, by 96 bits of hashes.
class FirstRecords {
 public:
  /// The record with that sequence, which is `record` if there was none.
  std::uint32_t add(std::string_view sequence, std::size_t record) {
    constexpr std::uint64_t other_seed = 1;
    const auto check =
        static_cast<std::uint32_t>(digest(sequence.data(), sequence.size(), other_seed));
    const Seen seen{key_of(sequence), check, static_cast<std::uint32_t>(record)};
    const Seen& first = *seen_.insert(seen).first;
    return first.check == check ? first.record : seen.record;
  }

 private:
  struct Seen {
    std::uint64_t key = 0;
    std::uint32_t check = 0, record = 0;
  };
  HashTable<Seen> seen_;
};

/// Reads the files into a writer and the report.
class Reader {
 public:
  Reader(const std::vector<Item>& items, const PrepareSettings& settings, const ChainTable& table,
         const std::string& dataset)
      : items_(items),
        settings_(settings),
        table_(table),
        default_split_(split_of(settings.default_split)),
        writer_(dataset, table.label_columns),
        report_(io::temporary_name(report_of(settings))) {
    report_.write(report_header);
    for (const Item& item : items) all_bytes_ += item.bytes;
  }

  void read() {
    for (const Item& item : items_) {
      try {
        if (!item.problem.empty()) fail(Exit::data, item.problem);
        read_file(item);
      } catch (const Error& error) {
        if (error.code() != Exit::data) throw;
        refuse_file(item, error.what());
      }
    }
    counts_.files = static_cast<std::int64_t>(items_.size()) - counts_.refused_files;
    counts_.chains = static_cast<std::int64_t>(writer_.records());
    counts_.are_sequences = true;
    assign_clusters_and_splits();
    print_counts(counts_, settings_, static_cast<std::int64_t>(table_.rows.size()), first_name_);
  }

  std::int64_t records() const { return counts_.chains; }
  void write_dataset(const std::string& deck) { writer_.write(sources_, assignment_, deck); }

  /// Puts the report in its place.
  void publish_report() {
    report_.rewind();
    io::publish_file(io::temporary_name(report_of(settings_)), report_of(settings_));
  }

 private:
  void read_file(const Item& item) {
    FastaReader reader(item.path, static_cast<std::uint64_t>(settings_.filter.max_length));
    FastaRecord record;
    std::int64_t number = 0;
    const std::size_t before = writer_.records();
    while (reader.next(record)) {
      add(item, ++number, record);
      progress(reader.position());
    }
    done_bytes_ += reader.position();
    std::string problem = reader.problem();
    if (problem.empty() && number == 0) problem = "there is no record in it";
    if (!problem.empty()) refuse_file(item, problem);
    if (writer_.records() > before) sources_.push_back({clean(item.title), reader.sha256()});
  }

  void add(const Item& item, std::int64_t number, FastaRecord& record) {
    ReportRow row{clean(item.title), std::to_string(number), "read", clean(record.name),
                  record.note};
    row.residues = record.length;
    if (row.name.empty()) {
      row.name = fmt::format("{}_{}", clean(item.file_name()), number);
      row.add_remark("the record has no name");
    }
    const auto length = static_cast<std::int64_t>(record.length);
    if (record.problem.empty() && length < settings_.filter.min_length)
      record.problem =
          fmt::format("{} residues, min_length is {}", length, settings_.filter.min_length);
    if (record.problem.empty() && length > settings_.filter.max_length)
      record.problem =
          fmt::format("{} residues, max_length is {}", length, settings_.filter.max_length);
    if (!record.problem.empty()) {
      row.outcome = "refused";
      row.remark = record.problem;
      ++counts_.refused_chains;
      return report_.write(row.text());
    }
    const std::string name = names_.add(row.name);
    if (name != row.name) {
      row.add_remark("another record has the name " + row.name);
      row.name = name;
      ++counts_.renamed;
    }
    if (settings_.duplicates == "drop") {
      const std::uint32_t first = firsts_.add(record.sequence, writer_.records());
      if (first != writer_.records()) {
        writer_.add_twin(name, first);
        row.outcome = "twin";
        row.add_remark(fmt::format("has the sequence of number {} (from 0) of the dataset", first));
        ++counts_.twins;
        return report_.write(row.text());
      }
    }
    write(row.name, record.sequence);
    if (!row.remark.empty()) report_.write(row.text());
  }

  void write(const std::string& name, const std::string& sequence) {
    ChainTable::Row unlisted;
    unlisted.split = default_split_;
    const auto found = table_.rows.find(name);
    const ChainTable::Row& row = found == table_.rows.end() ? unlisted : found->second;
    counts_.unlisted += found == table_.rows.end();
    if (settings_.split == "by_cluster")
      name_hashes_.push_back(digest(name.data(), name.size()));
    else
      ++counts_.splits[static_cast<std::size_t>(row.split)];
    if (writer_.records() == 0) first_name_ = name;
    writer_.add(name, sequence, static_cast<std::int64_t>(sources_.size()), row);
    // As soon as there are too many, not when all are read.
    require_comparable(settings_, writer_.residues());
    counts_.residues += static_cast<std::int64_t>(sequence.size());
  }

  void refuse_file(const Item& item, const std::string& reason) {
    const ReportRow row{clean(item.title), "", "refused", "", reason};
    report_.write(row.text());
    ++counts_.refused_files;
  }

  bool by_kmers() const { return settings_.clusters == "kmers"; }
  bool by_cluster() const { return settings_.split == "by_cluster"; }

  /// Where chains are in one split, as the table has them, nothing needs to be known of all.
  void assign_clusters_and_splits() {
    const bool several = std::count(counts_.splits.begin(), counts_.splits.end(), 0) < 2;
    if (!by_kmers() && !by_cluster() && !several) return;
    assignment_ = writer_.read_assignment();
    assign_splits(assignment_, settings_,
                  {[&] { return writer_.read_sequences(); }, [&] { return name_hashes_; }},
                  writer_.residues());
    counts_.splits = {};
    for (const Split split : assignment_.splits) ++counts_.splits[static_cast<std::size_t>(split)];
    counts_.largest_cluster = largest_cluster(assignment_.clusters);
  }

  /// Says about once a second how far the files are read.
  void progress(std::uint64_t position) {
    constexpr std::int64_t records_between = 1024;  // looks at the clock
    if (++progress_calls_ % records_between != 0) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::seconds(1)) return;
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const auto done = static_cast<double>(done_bytes_ + position);
    log::progress(fmt::format("reading: {} records, {:.0f} of {:.0f} MB, {:.0f} s left",
                              writer_.records(), done * 1e-6,
                              static_cast<double>(all_bytes_) * 1e-6,
                              seconds * (static_cast<double>(all_bytes_) - done) / done));
  }

  const std::vector<Item>& items_;
  const PrepareSettings& settings_;
  const ChainTable& table_;
  Split default_split_;
  SequenceWriter writer_;
  Spool report_;
  std::vector<Source> sources_;
  UniqueNames names_;
  FirstRecords firsts_;
  std::vector<std::uint64_t> name_hashes_;
  SplitAssignment assignment_;
  PrepareCounts counts_;
  std::string first_name_;
  std::uint64_t all_bytes_ = 0, done_bytes_ = 0;
  std::int64_t progress_calls_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_ = start_;
};

/// What the root does.
void prepare_on_root(const std::vector<Item>& items, const PrepareSettings& settings,
                     const ChainTable& table, const std::string& deck) {
  io::make_parent_directories(settings.dataset);
  io::make_parent_directories(report_of(settings));
  const std::string temporary = io::temporary_name(settings.dataset);
  Reader reader(items, settings, table, temporary);
  reader.read();
  if (reader.records() == 0) {
    reader.publish_report();
    fail(Exit::data, fmt::format("no sequence was readable in {}: see {}",
                                 counted(static_cast<std::int64_t>(items.size()), "file"),
                                 report_of(settings)));
  }
  reader.write_dataset(deck);
  const io::File file = io::File::open(temporary);
  const std::string damage = io::check_digests(file, file.datasets(), nullptr);
  if (!damage.empty()) fail(Exit::data, damage);
  io::publish_file(temporary, settings.dataset);
  reader.publish_report();
  log::line(fmt::format("dataset    {}, verified", settings.dataset));
}

// ---- The kind of the sources

bool is_sequence_file(const Item& item) { return item.member.empty() && is_fasta(item.path); }

/// By its name; what is named itself may be a structure under any name.
bool may_be_structure(const Item& item) {
  return !is_sequence_file(item) && (item.is_named || is_structure(item.file_name()));
}

/// The first items of both kinds, of those that can be read.
struct FirstOfKinds {
  const Item* structure = nullptr;
  const Item* sequences = nullptr;
};

FirstOfKinds first_of_kinds(const std::vector<Item>& items, bool only_named) {
  FirstOfKinds first;
  for (const Item& item : items) {
    if (!item.problem.empty() || (only_named && !item.is_named)) continue;
    if (!first.sequences && is_sequence_file(item)) first.sequences = &item;
    if (!first.structure && may_be_structure(item)) first.structure = &item;
  }
  return first;
}

/// Failure: Error (deck).
SourceKind kind_of(const std::vector<Item>& items) {
  const FirstOfKinds named = first_of_kinds(items, true);
  if (named.sequences && named.structure)
    fail(Exit::deck, fmt::format("&prepare sources: {} is a FASTA file, {} is not; a dataset is of "
                                 "structures or of FASTA files: prepare two datasets by two decks",
                                 named.sequences->title, named.structure->title));
  if (named.structure) return SourceKind::structures;
  if (named.sequences) return SourceKind::sequences;
  const FirstOfKinds found = first_of_kinds(items, false);
  return found.sequences && !found.structure ? SourceKind::sequences : SourceKind::structures;
}

void refuse(Item& item, const char* reason) {
  if (!item.problem.empty()) return;
  item.problem = reason;
  item.bytes = 0;  // that are read
}

}  // namespace

SourceKind settle_kind(std::vector<Item>& items, const PrepareSettings& settings) {
  const SourceKind kind = kind_of(items);
  std::string example;
  for (Item& item : items) {
    const bool is_fasta_file = is_sequence_file(item);
    if (is_fasta_file && example.empty()) example = item.title;
    if (kind == SourceKind::structures && is_fasta_file)
      refuse(item, "a FASTA file among structures; prepare another dataset from it");
    if (kind == SourceKind::sequences && !is_fasta_file)
      refuse(item,
             "not named as a FASTA file (.fasta, .fa, .faa, .fas, also .gz), among such files; if "
             "it is a structure, prepare another dataset from it");
  }
  const std::vector<std::string> wanted = structure_keys_set(settings);
  if (kind == SourceKind::sequences && !wanted.empty())
    fail(Exit::deck, fmt::format("&prepare {}: for structures, the sources are FASTA files ({})",
                                 fmt::join(wanted, ", "), example));
  return kind;
}

void prepare_sequences(const std::vector<Item>& items, const PrepareSettings& settings,
                       const ChainTable& table, const std::string& deck,
                       const Communicator& communicator) {
  std::string problem;
  auto code = static_cast<std::int64_t>(Exit::data);
  if (communicator.is_root()) {
    try {
      prepare_on_root(items, settings, table, deck);
    } catch (const Error& error) {
      problem = error.what();
      code = static_cast<std::int64_t>(error.code());
    }
  }
  problem = communicator.broadcast(problem);
  code = communicator.max(communicator.is_root() ? code : 0);
  if (!problem.empty()) fail(static_cast<Exit>(code), problem);
}

}  // namespace jespr::data
