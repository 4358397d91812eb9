// Loader: the same shards as without it, in order; errors of its thread come out in next().
#include "data/loader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>

#include "base/error.hpp"
#include "data/training_batches.hpp"
#include "unit/data/chains.hpp"

namespace jespr::data {
namespace {

TrainingBatches make_batches(int shards, const DataSettings& data = {.max_length = 100}) {
  const auto chains = real_chains("train");
  const auto read = [chains](int identity) {
    return made_up_protein(identity, chains[static_cast<std::size_t>(identity)].length);
  };
  return TrainingBatches(chains, read, data,
                         {.proteins = 16, .shards = shards, .masked_fraction = 0.1}, 0.1, {}, 11);
}

std::string message_of(Loader& loader, Exit code) {
  try {
    loader.next();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  return "";
}

TEST(loader, gives_what_direct_assembly_gives) {
  TrainingBatches direct = make_batches(4), prefetched = make_batches(4);
  const std::int64_t first = direct.sampler().steps_per_epoch() - 3;  // and into the next epoch
  Loader loader([&](std::int64_t step) { return prefetched.assemble(step, 1, 3); }, first,
                first + 6);
  for (std::int64_t step = first; step < first + 6; ++step) {
    const auto expected = direct.assemble(step, 1, 3);
    const auto found = loader.next();
    EXPECT_EQ(found.step, step);
    EXPECT_EQ(found.proteins_of_shard, expected.proteins_of_shard);
    EXPECT_EQ(found.proteins_of_shard.size(), 4u);
    ASSERT_EQ(found.shards.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_TRUE(found.shards[i] == expected.shards[i]) << step;
      EXPECT_EQ(found.shards[i].proteins(), found.proteins_of_shard[i + 1]);
    }
  }
}

TEST(loader, most_rows_are_those_of_the_fullest_shard) {
  TrainingBatches one = make_batches(1), four = make_batches(4);
  std::int64_t most = 0;
  for (std::int64_t step = 0; step < four.sampler().steps_per_epoch(); ++step)
    for (const ShardRows& shard : four.assemble(step, 0, 4).shards)
      most = std::max(most, static_cast<std::int64_t>(shard.sequence.tokens.size() +
                                                      shard.structure.confidence.size()));
  EXPECT_EQ(four.most_rows(0), most);
  EXPECT_EQ(one.most_rows(0, 4), most);
  EXPECT_GT(one.most_rows(0), most);
}

/// Crops of full length make a shard as full as it can be.
TEST(loader, counts_crops_of_sequences) {
  TrainingBatches four = make_batches(
      4, {.max_length = 100, .shortest_crop = 1, .sequence_crops = 3, .crop_length = 40});
  std::int64_t most = 0;
  for (std::int64_t step = 0; step < four.sampler().steps_per_epoch(); ++step) {
    const StepRows rows = four.assemble(step, 0, 4);
    EXPECT_EQ(rows.sequences_of_protein, 3);
    for (const ShardRows& shard : rows.shards) {
      EXPECT_EQ(shard.sequences(), 3 * shard.proteins());
      most = std::max(most, static_cast<std::int64_t>(shard.sequence.tokens.size() +
                                                      shard.structure.confidence.size()));
    }
  }
  EXPECT_EQ(four.most_rows(0), most);
}

TEST(loader, a_protein_looks_the_same_in_whatever_shards) {
  TrainingBatches one = make_batches(1), four = make_batches(4);
  const ShardRows whole = std::move(one.assemble(5, 0, 1).shards.front());
  std::size_t found = 0;
  const StepRows parts = four.assemble(5, 0, 4);
  for (const ShardRows& part : parts.shards) {
    std::ptrdiff_t row = 0;
    for (std::size_t b = 0; b < part.identity.size(); ++b) {
      std::ptrdiff_t whole_row = 0;
      for (std::size_t other = 0; whole.identity[other] != part.identity[b]; ++other)
        whole_row += whole.structure.rows[other];
      const std::ptrdiff_t rows = part.structure.rows[b];
      EXPECT_TRUE(std::equal(part.structure.coordinates.begin() + 9 * row,
                             part.structure.coordinates.begin() + 9 * (row + rows),
                             whole.structure.coordinates.begin() + 9 * whole_row));
      EXPECT_TRUE(std::equal(part.sequence.tokens.begin() + row,
                             part.sequence.tokens.begin() + row + rows,
                             whole.sequence.tokens.begin() + whole_row));
      row += rows;
      ++found;
    }
  }
  EXPECT_EQ(found, whole.identity.size());
}

TEST(loader, works_ahead_but_not_without_end) {
  std::atomic<std::int64_t> assembled = 0;
  Loader loader(
      [&](std::int64_t) {
        ++assembled;
        return StepRows();
      },
      0, 100, 2);
  loader.next();
  for (int i = 0; i < 1000 && assembled < 3; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(assembled, 3);  // one taken, two ahead; the destructor leaves the other 97
}

TEST(loader, measures_the_wait) {
  Loader loader(
      [](std::int64_t) {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        return StepRows();
      },
      0, 2);
  loader.next();
  EXPECT_GE(loader.wait_seconds(), 0.02);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  loader.next();
  EXPECT_LT(loader.wait_seconds(), 0.02);
}

TEST(loader, hands_errors_over_after_the_steps_before) {
  Loader loader(
      [](std::int64_t step) {
        if (step == 4) fail(Exit::data, "file.h5: residues 7 to 9 cannot be read");
        return StepRows{.step = step, .proteins_of_shard = {}, .shards = {}};
      },
      2, 100);
  EXPECT_EQ(loader.next().step, 2);
  EXPECT_EQ(loader.next().step, 3);
  for (int again = 0; again < 2; ++again)
    EXPECT_EQ(message_of(loader, Exit::data), "file.h5: residues 7 to 9 cannot be read");
}

TEST(loader, names_the_step_of_other_exceptions) {
  Loader loader([](std::int64_t) -> StepRows { throw std::bad_alloc(); }, 7, 9);
  EXPECT_EQ(message_of(loader, Exit::runtime), "loader, step 7: std::bad_alloc");
}

TEST(loader, says_when_it_has_no_more) {
  Loader loader([](std::int64_t) { return StepRows(); }, 0, 1);
  loader.next();
  EXPECT_EQ(message_of(loader, Exit::runtime), "loader: asked for step 1, the last is 0");
}

}  // namespace
}  // namespace jespr::data
