// Relatives by shared k-mers; clusters and splits.
#include "data/relatives.hpp"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/hash.hpp"

namespace jespr::data {
namespace {

constexpr std::size_t kmer_length = 6;
constexpr std::ptrdiff_t most_sequences = 1000;  // that a k-mer which tells something occurs in
constexpr int letter_bits = 5;
constexpr std::uint32_t kmer_mask = (1u << (letter_bits * kmer_length)) - 1;
constexpr std::uint32_t whole_flag = 1u << 31;  // marks the hash of a sequence too short for k-mers

/// The different k-mers of a sequence, sorted; those with an X tell nothing.
std::vector<std::uint32_t> kmers_of(std::string_view sequence) {
  std::vector<std::uint32_t> kmers;
  if (sequence.size() < kmer_length)
    return {whole_flag | static_cast<std::uint32_t>(fnv1a64(sequence))};
  std::uint32_t kmer = 0;
  std::size_t known = 0;  // letters since the last X
  for (const char letter : sequence) {
    kmer = ((kmer << letter_bits) | static_cast<std::uint32_t>(letter - 'A')) & kmer_mask;
    known = letter == 'X' ? 0 : known + 1;
    if (known >= kmer_length) kmers.push_back(kmer);
  }
  std::sort(kmers.begin(), kmers.end());
  kmers.erase(std::unique(kmers.begin(), kmers.end()), kmers.end());
  return kmers;
}

}  // namespace

KmerIndex::KmerIndex(std::vector<std::string> sequences) : sequences_(std::move(sequences)) {
  std::size_t residues = 0;  // no fewer than k-mers, but for sequences too short for one
  for (const std::string& sequence : sequences_)
    residues += std::max<std::size_t>(1, sequence.size());
  entries_.reserve(residues);
  for (std::size_t i = 0; i < sequences_.size(); ++i)
    for (const std::uint32_t kmer : kmers_of(sequences_[i]))
      entries_.push_back(static_cast<std::uint64_t>(kmer) << 32 | i);
  std::sort(entries_.begin(), entries_.end());
}

void KmerIndex::for_each_pair(double least_share,
                              const std::function<void(std::size_t, std::size_t)>& use) const {
  std::vector<std::size_t> kmer_counts(sequences_.size());
  std::vector<std::uint32_t> shared(sequences_.size(), 0);
  std::vector<std::size_t> met;
  std::vector<std::vector<std::uint64_t>::const_iterator> places;  // of the first that has a k-mer
  const auto is_frequent = [&](auto first) {
    return entries_.end() - first > most_sequences && first[most_sequences] >> 32 == *first >> 32;
  };
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    const std::vector<std::uint32_t> kmers = kmers_of(sequences_[i]);
    kmer_counts[i] = kmers.size();
    places.clear();
    std::size_t frequent = 0;
    auto place = entries_.begin();
    for (const std::uint32_t kmer : kmers) {
      place = std::lower_bound(place, entries_.end(), static_cast<std::uint64_t>(kmer) << 32);
      places.push_back(place);
      if (is_frequent(place)) ++frequent;
    }
    const bool of_large_family = 2 * frequent > kmers.size();
    for (std::size_t k = 0; k < kmers.size(); ++k) {
      if (!of_large_family && is_frequent(places[k])) continue;
      const std::uint64_t own = static_cast<std::uint64_t>(kmers[k]) << 32 | i;
      const auto end =
          places[k] + std::min<std::ptrdiff_t>(most_sequences, entries_.end() - places[k]);
      for (auto entry = places[k]; entry != end && *entry < own; ++entry) {
        const auto j = static_cast<std::size_t>(*entry & 0xffffffffu);
        if (shared[j]++ == 0) met.push_back(j);
      }
    }
    std::sort(met.begin(), met.end());
    for (const std::size_t j : met) {
      const auto fewer = static_cast<double>(std::min(kmer_counts[i], kmer_counts[j]));
      if (static_cast<double>(shared[j]) >= least_share * fewer) use(i, j);
      shared[j] = 0;
    }
    met.clear();
  }
}

std::vector<std::int32_t> clusters_of_relatives(const KmerIndex& index, std::size_t sequences,
                                                double least_share) {
  std::vector<std::size_t> parent(sequences);
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  const auto root_of = [&](std::size_t i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
  };
  index.for_each_pair(least_share, [&](std::size_t i, std::size_t j) {
    const std::size_t a = root_of(i), b = root_of(j);
    parent[std::max(a, b)] = std::min(a, b);
  });
  std::vector<std::int32_t> clusters(sequences);
  std::int32_t next = 0;
  for (std::size_t i = 0; i < sequences; ++i) {
    const std::size_t root = root_of(i);
    clusters[i] = root == i ? next++ : clusters[root];
  }
  return clusters;
}

std::int64_t count_crossing(const KmerIndex& index, std::span<const Split> splits,
                            double least_share) {
  std::vector<bool> crosses(splits.size(), false);
  index.for_each_pair(least_share, [&](std::size_t i, std::size_t j) {
    if (splits[i] != Split::train && splits[j] == Split::train) crosses[i] = true;
    if (splits[j] != Split::train && splits[i] == Split::train) crosses[j] = true;
  });
  return std::count(crosses.begin(), crosses.end(), true);
}

std::vector<Split> split_by_cluster(std::span<const std::int32_t> clusters,
                                    std::span<const std::uint64_t> name_hashes,
                                    const SplitShares& shares) {
  struct Unit {
    std::uint64_t hash;
    std::int64_t chains = 0;
    Split split = Split::train;
  };
  std::vector<Unit> units;
  std::vector<std::size_t> unit_of(clusters.size());
  std::unordered_map<std::int32_t, std::size_t> known;
  for (std::size_t i = 0; i < clusters.size(); ++i) {
    const bool alone = clusters[i] == no_cluster;
    unit_of[i] = units.size();
    if (!alone) unit_of[i] = known.emplace(clusters[i], units.size()).first->second;
    if (unit_of[i] == units.size()) units.push_back({name_hashes[i]});
    Unit& unit = units[unit_of[i]];
    unit.hash = std::min(unit.hash, name_hashes[i]);
    ++unit.chains;
  }
  for (Unit& unit : units) unit.hash = digest(&unit.hash, sizeof unit.hash, shares.seed);
  std::vector<std::size_t> order(units.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(units[a].hash, a) < std::tie(units[b].hash, b);
  });
  const auto all = static_cast<double>(clusters.size());
  std::vector<std::pair<Split, std::int64_t>> left = {
      {Split::validation, static_cast<std::int64_t>(shares.validation * all + 0.5)},
      {Split::test, static_cast<std::int64_t>(shares.test * all + 0.5)}};
  for (const std::size_t unit : order)
    for (auto& [split, chains] : left) {
      if (units[unit].chains > chains) continue;
      chains -= units[unit].chains;
      units[unit].split = split;
      break;
    }
  std::vector<Split> splits(clusters.size());
  for (std::size_t i = 0; i < clusters.size(); ++i) splits[i] = units[unit_of[i]].split;
  return splits;
}

}  // namespace jespr::data
