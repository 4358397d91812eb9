// Loaders on all ranks, fed from a dataset on disk: together they have the batch, each shard the
// same whoever loads it; a file that breaks under the run ends the step with its name.
#include "data/loader.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "backend/communicator.hpp"
#include "base/error.hpp"
#include "base/hash.hpp"
#include "data/dataset.hpp"
#include "data/dataset_writer.hpp"
#include "data/training_batches.hpp"
#include "support/paths.hpp"
#include "unit/data/chains.hpp"

namespace {

using namespace jespr;
using namespace jespr::data;

constexpr int chains = 41, shards = 4;

int length_of(int identity) { return 3 + 5 * identity % 37; }

class LoaderOfDataset : public testing::Test {
 protected:
  LoaderOfDataset() : world_(Communicator::world()) {
    path_ = world_.broadcast(
        (std::filesystem::temp_directory_path() / ("jespr_loader_" + std::to_string(getpid())))
            .string());
    write_dataset(path_, slab(), {}, "&run /", world_);
    dataset_ = std::make_unique<Dataset>(Dataset::open(path_, world_));
  }
  ~LoaderOfDataset() override {
    world_.barrier();
    if (world_.is_root()) std::filesystem::remove(path_);
  }

  /// Chains of made-up proteins, in consecutive parts over the ranks.
  Slab slab() const {
    Slab part;
    part.sources = {{"made_up", std::string(64, '0')}};
    const int begin = chains * world_.rank() / world_.size();
    const int end = chains * (world_.rank() + 1) / world_.size();
    for (int identity = begin; identity < end; ++identity) {
      const Protein protein = made_up_protein(identity, length_of(identity));
      Record record{};
      record.name = protein.name;
      record.chain.id = std::string(1, 'A');
      record.chain.sequence = protein.sequence;
      record.chain.numbers.assign(protein.sequence.size(), no_number);
      record.chain.insertion_codes.assign(protein.sequence.size(), ' ');
      record.chain.coordinates = protein.coordinates;
      record.chain.b_factors.assign(protein.sequence.size(), 10);
      for (std::size_t i = 0; i < record.chain.length(); ++i)
        record.chain.confidence.push_back(record.chain.is_complete(i) ? 1.0F : 0.0F);
      part.records.push_back(record);
    }
    return part;
  }

  TrainingBatches batches() const {
    std::vector<Chain> all;
    for (const std::int64_t chain : dataset_->chains_of(Split::train))
      all.push_back({static_cast<int>(chain), static_cast<int>(dataset_->length(chain)),
                     dataset_->clusters()[static_cast<std::size_t>(chain)]});
    return TrainingBatches(
        all, [this](int identity) { return dataset_->protein(identity); },
        {.dataset = path_, .max_length = 25, .independent_crops = true},
        {.proteins = 12, .shards = shards, .masked_fraction = 0.2}, 0.1, {}, 5);
  }

  Communicator world_;
  std::string path_;
  std::unique_ptr<Dataset> dataset_;
};

TEST_F(LoaderOfDataset, TogetherTheRanksHaveTheBatch) {
  const int local = shards / world_.size(), first = local * world_.rank();
  TrainingBatches loaded = batches(), direct = batches();
  Loader loader([&](std::int64_t step) { return loaded.assemble(step, first, first + local); }, 2,
                8);
  for (std::int64_t step = 2; step < 8; ++step) {
    const StepRows mine = loader.next(), all = direct.assemble(step, 0, shards);
    EXPECT_EQ(mine.proteins_of_shard, all.proteins_of_shard);
    ASSERT_EQ(mine.shards.size(), static_cast<std::size_t>(local));
    for (int i = 0; i < local; ++i)
      EXPECT_TRUE(mine.shards[static_cast<std::size_t>(i)] ==
                  all.shards[static_cast<std::size_t>(first + i)]);
  }
}

/// Whole numbers only: these must not change with the machine, nor from one version to the next,
/// else a restarted run would go on differently.
TEST_F(LoaderOfDataset, DrawsNeverChange) {
  std::uint64_t seen = 0;
  const auto add = [&](const std::vector<int>& numbers) {
    seen = digest(numbers.data(), numbers.size() * sizeof(int), seen);
  };
  TrainingBatches direct = batches();
  for (std::int64_t step = 0; step < 5; ++step) {
    for (const ShardRows& shard : direct.assemble(step, 0, shards).shards) {
      add(shard.identity);
      add(shard.sequence.tokens);
      add(shard.structure.rows);
    }
  }
  EXPECT_EQ(hash_text(seen), "363118aac54cbd2b");
}

TEST_F(LoaderOfDataset, NamesAFileThatBreaksUnderTheRun) {
  world_.barrier();
  if (world_.is_root()) std::filesystem::resize_file(path_, 100);
  world_.barrier();
  TrainingBatches loaded = batches();
  Loader loader([&](std::int64_t step) { return loaded.assemble(step, 0, 1); }, 0, 9);
  try {
    loader.next();
    FAIL() << "read from a truncated file";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::data);
    EXPECT_EQ(std::string(error.what()).rfind(path_ + ": cannot be read at byte", 0), 0u)
        << error.what();
  }
}

}  // namespace
