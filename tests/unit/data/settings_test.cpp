// Settings: what a deck may ask of the batches.
#include "data/settings.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "deck/reader.hpp"

namespace jespr::data {
namespace {

struct Deck {
  std::string task = "train";
  DataSettings data;
  BatchSettings batch;
};

Deck read(const std::string& text) {
  Deck run;
  deck::Schema schema;
  schema.group("run", "what to do")
      .choice("task", run.task, {"train", "evaluate", "prepare"}, "task")
      .names_task();
  declare(schema, run.data);
  declare(schema, run.batch);
  deck::read(schema, {"t.deck", "&data dataset = 'a.h5'" + text, "/home/me", {}});
  return run;
}

std::string objection(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(data_settings, are_read) {
  const Deck run = read(
      ", max_length = 200, one_per_cluster = f /\n"
      "&batch proteins = 32, shards = 6, reduction = 'fast' /");
  EXPECT_EQ(run.data.dataset, "/home/me/a.h5");
  EXPECT_EQ(run.data.max_length, 200);
  EXPECT_FALSE(run.data.one_per_cluster);
  EXPECT_EQ(run.batch.proteins, 32);
  EXPECT_EQ(run.batch.shards, 6);
  EXPECT_FALSE(run.batch.exact());
}

TEST(data_settings, exact_reduction_needs_a_power_of_two) {
  EXPECT_NE(objection(" /\n&batch shards = 3 /")
                .find("t.deck:2: &batch shards = 3: 'exact' reduction needs a power of two; say 4, "
                      "or reduction = 'fast'"),
            std::string::npos)
      << objection(" /\n&batch shards = 3 /");
  EXPECT_NE(objection(" /\n&batch proteins = 7, shards = 6 /").find("say 4, or"),
            std::string::npos);
  EXPECT_EQ(objection(" /\n&batch shards = 3, reduction = 'fast' /"), "");
  EXPECT_EQ(objection(" /\n&batch shards = 1 /"), "");
}

TEST(data_settings, a_shard_has_a_protein) {
  EXPECT_NE(objection(" /\n&batch proteins = 2, shards = 4 /")
                .find("a batch of 2 proteins cannot fill more than 2 shards"),
            std::string::npos);
}

}  // namespace
}  // namespace jespr::data
