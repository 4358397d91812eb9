// The number of shards from a limit of memory: the rule, on numbers that are easily followed.
#include "driver/shard_choice.hpp"

#include <gtest/gtest.h>

namespace {

using namespace jespr;

/// 100 bytes of parameters, 10 a partial sum, and 1 byte of activations for each of 1024 rows.
const StepMemory memory{
    .parameters = 100, .sum = 10, .training = {.activations_per_row = 1}, .validation = {}};
constexpr std::int64_t all_rows = 1024;

/// Without a validation.
double bytes(std::int64_t shards, std::int64_t held, std::int64_t rows) {
  return memory.bytes(shards, held, rows, 0);
}

ShardChoice choose(double limit, int ranks, const data::BatchSettings& batch) {
  return choose_shards(memory, limit, batch, ranks, [](std::int64_t shards) {
    return LargestShards{all_rows / shards, 0};
  });
}

TEST(ShardChoice, BytesAreStraightLines) {
  const StepMemory m{.parameters = 1000,
                     .sum = 100,
                     .batch = 7,
                     .gallery = 500,
                     .training = {.activations = 20,
                                  .scratch = 40,
                                  .activations_per_row = 2,
                                  .scratch_per_row = 4},
                     .validation = {}};
  const double one = m.bytes(1, 1, 0, 0), margin = (one - 1007) / 60;
  EXPECT_GE(margin, 1);
  EXPECT_LT(margin, 1.2);
  EXPECT_NEAR(m.bytes(8, 2, 10, 0), 1000 + 3 * 100 + 7 + margin * (2 * (20 + 20) + 40 + 40), 1e-9);
}

/// Training and validation use the same memory, one after the other: the larger one counts, of
/// activations and of scratch.
TEST(ShardChoice, CountsValidation) {
  StepMemory m{.parameters = 1000,
               .gallery = 500,
               .training = {.activations_per_row = 8, .scratch_per_row = 4},
               .validation = {.activations_per_row = 2, .scratch_per_row = 3}};
  const double margin = (m.bytes(1, 1, 10, 0) - 1000) / 120;
  EXPECT_NEAR(m.bytes(1, 1, 10, 5), 1500 + margin * 120, 1e-9);
  EXPECT_NEAR(m.bytes(1, 1, 10, 20), 1500 + margin * (80 + 60), 1e-9);
  EXPECT_NEAR(m.bytes(1, 1, 10, 100), 1500 + margin * (200 + 300), 1e-9);
  // Shards of training fit at once, those of a validation, which has long chains, ask for more.
  const data::BatchSettings batch{.proteins = 64, .shards = 2};
  m.gallery = 0;
  const auto choose_with = [&](std::int64_t validation_rows) {
    return choose_shards(m, 1001 + margin * 12 * 100, batch, 1, [&](std::int64_t shards) {
      return LargestShards{200 / shards, validation_rows / shards};
    });
  };
  EXPECT_EQ(choose_with(0).shards, 2);
  EXPECT_EQ(choose_with(260).shards, 2);
  EXPECT_EQ(choose_with(1600).shards, 8);
  EXPECT_EQ(choose_with(1600).rows.validation, 200);
  EXPECT_FALSE(choose_with(1 << 20).fits);
}

TEST(ShardChoice, TakesTheFewestShardsThatFit) {
  const data::BatchSettings batch{.proteins = 64, .shards = 2};
  double before = 1e9;
  for (const std::int64_t shards : {2, 4, 8, 16}) {
    const double needed = bytes(shards, 1, all_rows / shards);
    EXPECT_LT(needed, before);
    EXPECT_EQ(choose(needed, 1, batch).shards, shards);
    EXPECT_TRUE(choose(needed, 1, batch).fits);
    EXPECT_EQ(choose(before * 0.999, 1, batch).shards, shards);
    before = needed;
  }
}

/// What the bits depend on does not depend on the ranks; what they do not depend on, may.
TEST(ShardChoice, IsThatOfAnyNumberOfRanks) {
  const data::BatchSettings batch{.proteins = 64, .shards = 8};
  const double limit = bytes(8, 2, all_rows / 8);
  EXPECT_TRUE(choose(limit, 1, batch).recompute);
  EXPECT_TRUE(choose(limit, 2, batch).recompute);
  EXPECT_FALSE(choose(limit, 4, batch).recompute);
  EXPECT_EQ(choose(limit, 4, batch).bytes, limit);
  for (const int ranks : {1, 2, 4, 8}) {
    EXPECT_EQ(choose(limit, ranks, batch).shards, 8);
    EXPECT_LE(choose(limit, ranks, batch).bytes, limit);
  }
}

TEST(ShardChoice, KeepsRecomputationThatTheDeckAsksFor) {
  data::BatchSettings batch{.proteins = 64, .shards = 2};
  EXPECT_FALSE(choose(1e9, 1, batch).recompute);
  batch.recompute = true;
  EXPECT_TRUE(choose(1e9, 1, batch).recompute);
}

/// A restart may not choose: the number that it was started with fits, or it does not.
TEST(ShardChoice, JudgesOneNumberOfShards) {
  const data::BatchSettings batch{.proteins = 64, .shards = 2};
  const auto judge = [&](std::int64_t shards, double limit) {
    return choice_of(shards, memory, limit, batch, 1, [](std::int64_t v) {
      return LargestShards{all_rows / v, 0};
    });
  };
  const double least = bytes(8, 1, all_rows / 8);
  EXPECT_EQ(judge(8, 1e9).shards, 8);
  EXPECT_FALSE(judge(8, 1e9).recompute);
  EXPECT_TRUE(judge(8, least).recompute);
  EXPECT_FALSE(judge(8, 0.999 * least).fits);
  EXPECT_TRUE(doubles_to(2, 2) && doubles_to(1, 8) && doubles_to(3, 12));
  EXPECT_FALSE(doubles_to(4, 2) || doubles_to(3, 8));
}

/// More shards need more partial sums: in the end they cost more than they spare.
TEST(ShardChoice, SaysWhatIsTheLeast) {
  const data::BatchSettings batch{.proteins = 1024, .shards = 1};
  const ShardChoice choice = choose(50, 1, batch);
  EXPECT_FALSE(choice.fits);
  EXPECT_EQ(choice.shards, 64);
  EXPECT_EQ(choice.rows.training, 16);
  EXPECT_EQ(choice.bytes, bytes(64, 1, 16));
}

}  // namespace
