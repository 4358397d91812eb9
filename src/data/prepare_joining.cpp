// Names, twins, table, clusters and splits of all chains.
#include "data/prepare_joining.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <span>
#include <sstream>
#include <tuple>
#include <utility>

#include "base/hash.hpp"
#include "data/chain_names.hpp"
#include "data/split_assignment.hpp"

namespace jespr::data {
namespace {

/// Values of all ranks in their order, and where this rank's begin.
template <class T>
struct Gathered {
  std::vector<T> values;
  std::size_t begin = 0;
};

template <class T>
Gathered<T> gather(const std::vector<T>& mine, const Communicator& communicator) {
  const std::string bytes(reinterpret_cast<const char*>(mine.data()), mine.size() * sizeof(T));
  Gathered<T> all;
  int rank = 0;
  for (const std::string& part : communicator.all_gather(bytes)) {
    if (rank++ == communicator.rank()) all.begin = all.values.size();
    const std::size_t old = all.values.size();
    all.values.resize(old + part.size() / sizeof(T));
    if (!part.empty()) std::memcpy(all.values.data() + old, part.data(), part.size());
  }
  return all;
}

Gathered<std::string> gather_lines(const std::vector<std::string>& mine,
                                   const Communicator& communicator) {
  std::string text;
  for (const std::string& line : mine) text += line + '\n';
  Gathered<std::string> all;
  int rank = 0;
  for (const std::string& part : communicator.all_gather(text)) {
    if (rank++ == communicator.rank()) all.begin = all.values.size();
    std::istringstream lines(part);
    for (std::string line; std::getline(lines, line);) all.values.push_back(line);
  }
  return all;
}

std::vector<std::string> names_of(const Slab& slab) {
  std::vector<std::string> names;
  for (const Record& record : slab.records) names.push_back(record.name);
  return names;
}

std::vector<std::string> sequences_of(const Slab& slab) {
  std::vector<std::string> sequences;
  for (const Record& record : slab.records) sequences.push_back(record.chain.sequence);
  return sequences;
}

/// A chain among its twins.
struct Candidate {
  std::uint64_t hash[2];  // two hashes of the sequence: 128 bits
  std::uint64_t length, complete;
};

Candidate candidate_of(const StructureChain& chain) {
  const std::string& sequence = chain.sequence;
  Candidate candidate{
      {digest(sequence.data(), sequence.size(), 0), digest(sequence.data(), sequence.size(), 1)},
      sequence.size(),
      0};
  for (std::size_t i = 0; i < chain.length(); ++i) candidate.complete += chain.is_complete(i);
  return candidate;
}

/// For each chain the one that is kept in its stead, or itself.
std::vector<std::size_t> kept_of(const std::vector<Candidate>& candidates) {
  const auto key = [&](std::size_t i) {
    const Candidate& c = candidates[i];
    return std::tuple(c.hash[0], c.hash[1], c.length);
  };
  std::map<decltype(key(0)), std::size_t> best;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto [place, is_new] = best.emplace(key(i), i);
    if (!is_new && candidates[i].complete > candidates[place->second].complete) place->second = i;
  }
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < candidates.size(); ++i) kept.push_back(best.at(key(i)));
  return kept;
}

}  // namespace

std::int64_t rename_repeated(Findings& findings, const Communicator& communicator) {
  std::vector<Record>& records = findings.slab.records;
  std::vector<std::string> titles;
  for (const Record& record : records)
    titles.push_back(findings.slab.sources[static_cast<std::size_t>(record.source)].title);
  const Gathered<std::string> all_names = gather_lines(names_of(findings.slab), communicator);
  const Gathered<std::string> all_titles = gather_lines(titles, communicator);
  std::vector<WantedName> wanted;
  for (std::size_t i = 0; i < all_names.values.size(); ++i)
    wanted.push_back({all_names.values[i], all_titles.values[i]});
  const std::vector<std::string> names = unique_names(wanted);
  std::int64_t renamed = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].name == names[all_names.begin + i]) continue;
    ++renamed;
    ReportRow& row = findings.rows[findings.row_of_record[i]];
    row.add_remark("another chain has the name " + row.name);
    row.name = records[i].name = names[all_names.begin + i];
  }
  return renamed;
}

std::int64_t drop_twins(Findings& findings, const Communicator& communicator) {
  std::vector<Record>& records = findings.slab.records;
  std::vector<Candidate> mine;
  for (const Record& record : records) mine.push_back(candidate_of(record.chain));
  const Gathered<Candidate> all = gather(mine, communicator);
  const Gathered<std::string> names = gather_lines(names_of(findings.slab), communicator);
  const std::vector<std::size_t> kept = kept_of(all.values);
  const std::size_t end = all.begin + records.size();
  for (std::size_t i = 0; i < kept.size(); ++i)
    if (kept[i] != i && kept[i] >= all.begin && kept[i] < end)
      records[kept[i] - all.begin].twins.push_back(names.values[i]);
  std::int64_t dropped = 0;
  std::size_t next = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    ReportRow& row = findings.rows[findings.row_of_record[i]];
    const std::size_t representative = kept[all.begin + i];
    if (representative != all.begin + i) {
      ++dropped;
      row.outcome = "twin";
      row.add_remark("has the sequence of " + names.values[representative]);
      continue;
    }
    if (!records[i].twins.empty()) {
      std::string text = "twins:";
      for (const std::string& name : records[i].twins) text += " " + name;
      row.add_remark(text);
    }
    findings.row_of_record[next] = findings.row_of_record[i];
    if (next != i) records[next] = std::move(records[i]);
    ++next;
  }
  records.erase(records.begin() + static_cast<std::ptrdiff_t>(next), records.end());
  findings.row_of_record.resize(next);
  return dropped;
}

std::int64_t join_table(Slab& slab, const ChainTable& table, Split default_split) {
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

std::int64_t assign_splits(Slab& slab, const PrepareSettings& settings,
                           const Communicator& communicator) {
  std::vector<std::int32_t> my_clusters;
  std::vector<std::uint64_t> my_hashes;
  std::vector<Split> my_splits;
  std::int64_t my_residues = 0;
  for (const Record& record : slab.records) {
    my_clusters.push_back(record.row.cluster);
    my_hashes.push_back(digest(record.name.data(), record.name.size()));
    my_residues += static_cast<std::int64_t>(record.chain.length());
    my_splits.push_back(record.row.split);
  }
  const Gathered<std::int32_t> clusters = gather(my_clusters, communicator);
  // All ranks compute the same from the same sequences.
  SplitAssignment all{clusters.values, gather(my_splits, communicator).values};
  assign_splits(all, settings,
                {[&] { return gather_lines(sequences_of(slab), communicator).values; },
                 [&] { return gather(my_hashes, communicator).values; }},
                static_cast<std::uint64_t>(communicator.sum(my_residues)));
  for (std::size_t i = 0; i < slab.records.size(); ++i) {
    slab.records[i].row.cluster = all.clusters[clusters.begin + i];
    slab.records[i].row.split = all.splits[clusters.begin + i];
  }
  return largest_cluster(all.clusters);
}

}  // namespace jespr::data
