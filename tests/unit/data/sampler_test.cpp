// Sampler: batches without relatives, a pure function of (seed, epoch), nothing starved, shards of
// equal cost; on the lengths and clusters of real chains.
#include "data/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.hpp"
#include "data/training_batches.hpp"
#include "unit/data/chains.hpp"

namespace jespr::data {
namespace {

constexpr int max_length = 200, proteins = 64;

/// Operations of a small pair of encoders, about: the structure encoder's edges dominate.
const CostModel realistic{.sequence = {3e5, 5e2}, .structure = {9e5, 3e2}};

std::vector<Chain> batch_of(const Sampler& sampler, const Epoch& epoch, std::int64_t index) {
  const auto begin = epoch.chains.begin() + index * sampler.proteins();
  return {begin, begin + sampler.proteins()};
}

/// Chains in clusters of these sizes, all of one length.
std::vector<Chain> chains_in_clusters(const std::vector<int>& sizes) {
  std::vector<Chain> chains;
  for (int cluster = 0; cluster < static_cast<int>(sizes.size()); ++cluster)
    for (int i = 0; i < sizes[static_cast<std::size_t>(cluster)]; ++i)
      chains.push_back({static_cast<int>(chains.size()), 50, cluster});
  return chains;
}

TEST(sampler, is_a_pure_function_of_seed_and_epoch) {
  const auto chains = real_chains("train");
  const Sampler one(chains, 7, proteins, true), other(chains, 7, proteins, true);
  one.epoch(0);
  EXPECT_EQ(one.epoch(5).chains, other.epoch(5).chains);
  EXPECT_NE(one.epoch(5).chains, one.epoch(6).chains);
  EXPECT_NE(one.epoch(5).chains, Sampler(chains, 8, proteins, true).epoch(5).chains);
  EXPECT_NE(one.epoch(5).chains, Sampler(chains, 7 + (1ull << 32), proteins, true).epoch(5).chains);
}

TEST(sampler, places_every_chain_once_and_no_relatives_in_a_batch) {
  const auto chains = real_chains("train");
  const Sampler sampler(chains, 7, proteins, true);
  EXPECT_EQ(sampler.steps_per_epoch(), 1500 / proteins);
  for (std::int64_t number = 0; number < 10; ++number) {
    const Epoch epoch = sampler.epoch(number);
    std::set<int> seen;
    for (const Chain& chain : epoch.chains) {
      EXPECT_EQ(chain, chains[static_cast<std::size_t>(chain.identity)]);
      seen.insert(chain.identity);
    }
    EXPECT_EQ(seen.size(), epoch.chains.size());
    EXPECT_EQ(static_cast<std::int64_t>(seen.size()), sampler.coverage().placed);
    for (std::int64_t index = 0; index < sampler.steps_per_epoch(); ++index) {
      std::set<int> clusters;
      for (const Chain& chain : batch_of(sampler, epoch, index)) clusters.insert(chain.cluster);
      ASSERT_EQ(clusters.size(), static_cast<std::size_t>(proteins)) << number << " " << index;
    }
  }
}

TEST(sampler, lets_relatives_meet_when_told_or_not_known) {
  auto chains = chains_in_clusters({40});
  const Sampler free(chains, 1, 10, false);
  EXPECT_EQ(free.steps_per_epoch(), 4);
  EXPECT_EQ(free.coverage().clusters, 40);
  for (Chain& chain : chains) chain.cluster = -1;
  EXPECT_EQ(Sampler(chains, 1, 10, true).epoch(3).chains.size(), 40u);
}

TEST(sampler, starves_nobody) {
  struct Case {
    std::vector<int> clusters;
    int proteins;
    std::int64_t steps;
  };
  const std::vector<Case> cases = {
      {{20, 20, 5, 5, 3, 1, 1, 1, 1, 1, 1}, 6, 4},  // two crowded clusters, a rest
      {{100, 1, 1, 1}, 4, 1},                       // nearly all wait
      {{2, 2, 2, 2, 2}, 4, 2},                      // a rest as large as half a batch
      {{1, 1, 1, 1, 1, 1, 1}, 4, 1},                // a rest of a batch less one
      {{3, 3, 3}, 3, 3},                            // nothing left out
  };
  for (const Case& c : cases) {
    const auto chains = chains_in_clusters(c.clusters);
    const Sampler sampler(chains, 3, c.proteins, true);
    const Coverage& coverage = sampler.coverage();
    ASSERT_EQ(sampler.steps_per_epoch(), c.steps);
    EXPECT_EQ(coverage.placed + coverage.waiting_crowded + coverage.waiting_rest, coverage.chains);
    EXPECT_LT(coverage.waiting_rest, c.proteins);
    std::map<int, std::int64_t> last;
    std::int64_t longest = 0;
    const std::int64_t epochs = 5 * coverage.longest_interval + 10;
    for (std::int64_t number = 0; number < epochs; ++number) {
      for (const Chain& chain : sampler.epoch(number).chains) {
        const auto before = last.find(chain.identity);
        longest = std::max(longest, number - (before == last.end() ? -1 : before->second));
        last[chain.identity] = number;
      }
    }
    EXPECT_EQ(last.size(), chains.size());
    EXPECT_EQ(longest, coverage.longest_interval);
    for (const auto& [identity, number] : last)
      EXPECT_LT(epochs - number, coverage.longest_interval + 1) << identity;
  }
}

TEST(sampler, makes_as_many_batches_as_possible) {
  // By brute force: batches can be made greedily from the largest clusters left.
  for (int variant = 0; variant < 50; ++variant) {
    std::vector<int> sizes;
    for (int i = 0; i < 4 + variant % 7; ++i) sizes.push_back(1 + (variant * 7 + i * i * 5) % 11);
    const Sampler sampler(chains_in_clusters(sizes), 1, 4, true);
    std::int64_t greedy = 0;
    for (;; ++greedy) {
      std::sort(sizes.rbegin(), sizes.rend());
      if (sizes[3] == 0) break;
      for (std::size_t i = 0; i < 4; ++i) --sizes[i];
    }
    EXPECT_EQ(sampler.steps_per_epoch(), greedy) << variant;
  }
}

TEST(sampler, mixes_chains_anew_in_each_epoch) {
  const Sampler sampler(real_chains("train"), 7, proteins, true);
  std::set<int> first_batches;
  for (std::int64_t number = 0; number < 5; ++number)
    for (const Chain& chain : batch_of(sampler, sampler.epoch(number), 0))
      first_batches.insert(chain.identity);
  // 320 draws out of 1,500: 1500 (1 - (1 - 64/1500)^5) = 294 expected, standard deviation about 5
  EXPECT_GT(first_batches.size(), 269u);
}

TEST(sampler, steps_and_positions_are_the_same_thing) {
  const Sampler sampler(chains_in_clusters(std::vector<int>(30, 1)), 1, 8, true);
  ASSERT_EQ(sampler.steps_per_epoch(), 3);
  for (std::int64_t step = 0; step < 20; ++step) {
    const Position at = sampler.position(step);
    EXPECT_EQ(at.epoch, step / 3);
    EXPECT_EQ(sampler.step(at), step);
  }
}

TEST(sampler, says_what_to_do_when_no_batch_can_be_made) {
  const auto text = [](const std::vector<Chain>& chains) {
    try {
      Sampler(chains, 1, 8, true);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::deck);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(text(chains_in_clusters({3, 2})),
            "&batch proteins = 8: there are only 5 chains in 2 clusters to make a batch of; ask "
            "for fewer");
  EXPECT_EQ(text(chains_in_clusters({9, 2})),
            "&batch proteins = 8: there are only 11 chains in 2 clusters to make a batch of; ask "
            "for fewer, or set &data one_per_cluster = .false.");
  EXPECT_THROW(Sampler({{0, 0, 1}}, 1, 1, true), Error);
}

TEST(sampler, cuts_real_batches_into_shards_of_equal_cost) {
  const CropRule crop{.seed = 7, .max_length = max_length};
  const CropRule independent{.seed = 7, .max_length = max_length, .independent = true};
  const CropRule crops{
      .seed = 7, .max_length = max_length, .sequence_crops = 4, .crop_length = max_length / 2};
  const Sampler sampler(real_chains("train"), 7, proteins, true);
  for (const CostModel& cost : {CostModel{}, realistic, CostModel{{0, 1}, {0, 1}}}) {
    for (const CropRule& rule : {crop, independent, crops}) {
      for (const int shards : {1, 2, 4, 8}) {
        double worst = 1;
        for (std::int64_t number = 0; number < 3; ++number) {
          const Epoch epoch = sampler.epoch(number);
          for (std::int64_t index = 0; index < sampler.steps_per_epoch(); ++index) {
            std::set<int> together;
            std::vector<std::int64_t> load;
            for (const Shard& shard : shards_of(sampler, epoch, index, rule, cost, shards)) {
              load.push_back(0);
              for (const Chain& chain : shard) {
                together.insert(chain.identity);
                load.back() += cost.of(rule.draw(number, chain.identity, chain.length));
              }
            }
            ASSERT_EQ(load.size(), static_cast<std::size_t>(shards));
            ASSERT_EQ(together.size(), static_cast<std::size_t>(proteins));
            double sum = 0;
            for (const std::int64_t part : load) sum += static_cast<double>(part);
            const auto largest = static_cast<double>(*std::max_element(load.begin(), load.end()));
            worst = std::max(worst, largest * shards / sum);
          }
        }
        EXPECT_LE(worst, shards <= 4 ? 1.05 : 1.1) << shards << " shards";
        RecordProperty("worst_of_" + std::to_string(shards), std::to_string(worst));
      }
    }
  }
}

TEST(training_batches, report_their_balance) {
  const DataSettings data{.max_length = max_length};
  const BatchSettings batch{.proteins = proteins, .shards = 4};
  const TrainingBatches batches(real_chains("train"), nullptr, data, batch, 0, realistic, 7);
  const double worst = batches.worst_imbalance(0);
  EXPECT_GT(worst, 1.0);
  EXPECT_LE(worst, 1.05);
}

TEST(shards, cost_counts_every_crop_of_a_sequence) {
  const CostModel cost{{10, 1}, {100, 2}};
  const Windows windows{{0, 8}, {0, 18}, {{3, 6}, {0, 18}}};  // rows: 10, 5, 20 and 20
  EXPECT_EQ(cost.of(windows), 10 * (10 + 5 + 20) + (100 + 25 + 400) + 100 * 20 + 2 * 400);
  EXPECT_EQ(rows_of(windows), 10 + 5 + 20 + 20);
}

TEST(shards, fill_each_part_and_keep_order) {
  const std::vector<std::int64_t> costs = {5, 1, 1, 9, 1, 5};
  const auto parts = balance(costs, 3);
  EXPECT_EQ(parts, (std::vector<std::vector<int>>{{3}, {0, 1, 4}, {2, 5}}));
  EXPECT_DOUBLE_EQ(imbalance(costs, parts), 9.0 * 3 / 22);
  EXPECT_EQ(balance(std::vector<std::int64_t>{1, 1000}, 2).back(), std::vector<int>{0});
}

TEST(shards, cut_by_rows_keeps_order_and_budget) {
  const std::vector<Chain> chains = {{0, 10}, {1, 10}, {2, 100}, {3, 1}, {4, 1}};
  const auto identities = [](const std::vector<Shard>& pieces) {
    std::vector<std::vector<int>> result;
    for (const Shard& piece : pieces) {
      result.emplace_back();
      for (const Chain& chain : piece) result.back().push_back(chain.identity);
    }
    return result;
  };
  EXPECT_EQ(identities(cut_by_rows(chains, 24)),
            (std::vector<std::vector<int>>{{0, 1}, {2}, {3, 4}}));
  EXPECT_EQ(identities(cut_by_rows(chains, 24, 8)),
            (std::vector<std::vector<int>>{{0, 1}, {2, 3, 4}}));
  EXPECT_TRUE(cut_by_rows({}, 24).empty());
}

}  // namespace
}  // namespace jespr::data
