// Relatives by k-mers, clusters of them, splits by clusters.
#include "data/relatives.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/philox.hpp"

namespace {

using namespace jespr;
using data::KmerIndex;
using data::Split;

/// A random sequence of the standard residues.
std::string random_sequence(std::uint32_t number, std::size_t length) {
  constexpr std::string_view letters = "ACDEFGHIKLMNPQRSTVWY";
  std::string sequence;
  for (std::uint32_t i = 0; sequence.size() < length; ++i)
    sequence += letters[philox({{1, number}}, {{i, 0, 0, 0}}).word[0] % letters.size()];
  return sequence;
}

/// The sequence with every `step`th residue replaced by W.
std::string mutated(std::string sequence, std::size_t step) {
  for (std::size_t i = step - 1; i < sequence.size(); i += step) sequence[i] = 'W';
  return sequence;
}

/// All pairs by the definition: shared different 6-mers over the fewer.
std::set<std::pair<std::size_t, std::size_t>> pairs_by_definition(
    const std::vector<std::string>& sequences, double least_share) {
  std::vector<std::set<std::string>> kmers;
  for (const std::string& sequence : sequences) {
    std::set<std::string> own;
    for (std::size_t i = 0; i + 6 <= sequence.size(); ++i) own.insert(sequence.substr(i, 6));
    kmers.push_back(own);
  }
  std::set<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < sequences.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      std::size_t shared = 0;
      for (const std::string& kmer : kmers[i]) shared += kmers[j].count(kmer);
      const auto fewer = static_cast<double>(std::min(kmers[i].size(), kmers[j].size()));
      if (shared > 0 && static_cast<double>(shared) >= least_share * fewer) pairs.insert({i, j});
    }
  return pairs;
}

TEST(Relatives, PairsAsTheDefinitionSays) {
  std::vector<std::string> sequences;
  for (std::uint32_t family = 0; family < 8; ++family) {
    const std::string parent = random_sequence(family, 80 + 7 * family);
    sequences.push_back(parent);
    for (const std::size_t step : {7u, 9u, 12u, 20u}) sequences.push_back(mutated(parent, step));
    sequences.push_back(parent.substr(10, 30));
  }
  for (const double least : {0.05, 0.1, 0.3, 1.0}) {
    std::set<std::pair<std::size_t, std::size_t>> found;
    KmerIndex(sequences).for_each_pair(least, [&](std::size_t i, std::size_t j) {
      found.insert({i, j});
    });
    EXPECT_EQ(found, pairs_by_definition(sequences, least)) << least;
    EXPECT_FALSE(found.empty());
  }
}

/// A large family is one cluster, though each of its 6-mers is frequent; a tag that as many others
/// share makes none.
TEST(Relatives, LargeFamiliesAreKnownFromTags) {
  constexpr std::uint32_t members = 1200;
  const std::string parent = random_sequence(0, 70), tag = "MGSSHHHHHHSSGLVPRGSH";
  std::vector<std::string> sequences;
  for (std::uint32_t i = 0; i < members; ++i) {
    std::string member = parent;
    member[i % member.size()] = 'W';
    sequences.push_back(member);
  }
  for (std::uint32_t i = 0; i < members; ++i) sequences.push_back(tag + random_sequence(i + 1, 70));
  const std::vector<std::int32_t> clusters =
      data::clusters_of_relatives(KmerIndex(sequences), sequences.size(), 0.1);
  for (std::uint32_t i = 0; i < members; ++i) EXPECT_EQ(clusters[i], 0) << i;
  const std::set<std::int32_t> others(clusters.begin() + members, clusters.end());
  EXPECT_EQ(others.size(), members);
}

TEST(Relatives, ClustersAreSingleLinkage) {
  const std::string a = random_sequence(1, 60), b = random_sequence(2, 60);
  // The third one links the first two; X tells nothing; short ones are relatives if they are equal.
  const std::vector<std::string> sequences = {
      a,     b,     a + b, random_sequence(3, 60), std::string(50, 'X'), std::string(50, 'X'),
      "MKV", "MKA", "MKV"};
  const KmerIndex index(sequences);
  EXPECT_EQ(data::clusters_of_relatives(index, sequences.size(), 0.1),
            (std::vector<std::int32_t>{0, 0, 0, 1, 2, 3, 4, 5, 4}));
  std::vector<Split> splits(sequences.size(), Split::train);
  EXPECT_EQ(data::count_crossing(index, splits, 0.1), 0);
  splits[1] = Split::validation;
  splits[3] = Split::validation;
  splits[6] = Split::test;
  EXPECT_EQ(data::count_crossing(index, splits, 0.1), 2);  // 1 with 2, and 6 with 8
}

/// A family is met by its first 1000 alone: time grows with its size, not with the square.
TEST(Relatives, LargeFamiliesAreMetByTheirFirstThousand) {
  for (const std::size_t copies : {900u, 1500u}) {
    const KmerIndex index(std::vector<std::string>(copies, random_sequence(1, 30)));
    constexpr std::size_t met = 1000;
    std::size_t pairs = 0, expected = 0;
    for (std::size_t i = 0; i < copies; ++i) expected += std::min(i, met);
    index.for_each_pair(0.1, [&](std::size_t, std::size_t) { ++pairs; });
    EXPECT_EQ(pairs, expected);
  }
}

TEST(Relatives, SplitsOfWholeClusters) {
  std::vector<std::int32_t> clusters;
  std::vector<std::uint64_t> hashes;
  for (int i = 0; i < 1000; ++i) {
    clusters.push_back(i < 300 ? 7 : i < 600 ? i / 3 : data::no_cluster);  // one is large
    hashes.push_back(static_cast<std::uint64_t>(i) * 0x9e3779b97f4a7c15u);
  }
  data::SplitShares shares;
  shares.validation = 0.2;
  shares.test = 0.1;
  const std::vector<Split> splits = data::split_by_cluster(clusters, hashes, shares);
  EXPECT_EQ(std::count(splits.begin(), splits.end(), Split::validation), 200);
  EXPECT_EQ(std::count(splits.begin(), splits.end(), Split::test), 100);
  std::map<std::int32_t, std::set<Split>> of_cluster;
  for (std::size_t i = 0; i < clusters.size(); ++i)
    if (clusters[i] != data::no_cluster) of_cluster[clusters[i]].insert(splits[i]);
  for (const auto& [cluster, found] : of_cluster) EXPECT_EQ(found.size(), 1u) << cluster;
  EXPECT_EQ(splits[0], Split::train);  // more chains than validation lacks

  // The order of the chains does not matter, the seed does.
  std::vector<std::int32_t> other_clusters(clusters.rbegin(), clusters.rend());
  std::vector<std::uint64_t> other_hashes(hashes.rbegin(), hashes.rend());
  std::vector<Split> other = data::split_by_cluster(other_clusters, other_hashes, shares);
  std::reverse(other.begin(), other.end());
  EXPECT_EQ(other, splits);
  shares.seed = 2;
  EXPECT_NE(data::split_by_cluster(clusters, hashes, shares), splits);
}

}  // namespace
