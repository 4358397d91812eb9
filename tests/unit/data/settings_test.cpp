// Settings: what a deck may ask of the batches.
#include "data/settings.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "data/prepare.hpp"
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

TEST(data_settings, no_name_of_a_chain_is_empty) {
  const std::string text = objection(", chains = 'a','','b' /");
  EXPECT_NE(text.find("&data chains = 'a', '', 'b': one of the names is empty"), std::string::npos)
      << text;
  EXPECT_EQ(objection(", chains = 'a', 'b' /"), "");
}

TEST(data_settings, no_chain_is_named_twice) {
  const std::string text = objection(", chains = 'a', 'b', 'a' /");
  EXPECT_NE(text.find("'a' is named twice: it would be its own negative"), std::string::npos)
      << text;
}

TEST(data_settings, crops_of_sequences_are_drawn_by_one_rule) {
  EXPECT_EQ(read(" /").data.sequences_of_protein(), 1);
  EXPECT_EQ(read(", sequence_crops = 1 /").data.sequences_of_protein(), 1);
  EXPECT_EQ(read(", sequence_crops = 4, crop_length = 64 /").data.sequences_of_protein(), 4);
  const std::string both = objection(", sequence_crops = 4, independent_crops = t /");
  EXPECT_NE(both.find("&data sequence_crops = 4: shows the structure whole"), std::string::npos)
      << both;
  const std::string none = objection(", crop_length = 64 /");
  EXPECT_NE(none.find("&data crop_length = 64: there are no crops of the sequence"),
            std::string::npos)
      << none;
}

TEST(prepare_settings, paths_are_of_different_files) {
  const auto objection = [](const std::string& text) -> std::string {
    std::string task = "prepare";
    PrepareSettings settings;
    deck::Schema schema;
    schema.group("run", "what to do").choice("task", task, {"prepare"}, "task").names_task();
    declare(schema, settings);
    try {
      deck::read(schema, {"t.deck", "&prepare " + text + " /", "/home/me", {}});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::deck);
      return error.what();
    }
    return "";
  };
  const char* cases[][2] = {
      {"sources = 'a', dataset = './x/../a'",
       "dataset = '/home/me/a': /home/me/a is also the source"},
      {"sources = 'b', 'a', dataset = 'd', table = 'a'", "/home/me/a is also the source"},
      {"sources = 'a', dataset = 'd', table = 'd'", "/home/me/d is also the dataset"},
      {"sources = 'a', dataset = 'd', report = 'd'", "/home/me/d is also the dataset"},
      {"sources = 'a', dataset = 'd', table = 't', report = 't'", "/home/me/t is also the table"},
      {"sources = 'a', dataset = 'd', table = 'd.report.tsv'",
       "report = '' (default): /home/me/d.report.tsv is also the table"},
      {"sources = 'a', dataset = 'd', report = 'a'", "/home/me/a is also the source"},
      {"sources = 'a', '', dataset = 'd'", "one of the paths is empty"}};
  for (const auto& [text, expected] : cases)
    EXPECT_NE(objection(text).find(expected), std::string::npos) << text << "\n" << objection(text);
  EXPECT_EQ(objection("sources = 'a', 'a', dataset = 'd', table = 't', report = 'r'"), "");
}

TEST(data_settings, a_shard_has_a_protein) {
  EXPECT_NE(objection(" /\n&batch proteins = 2, shards = 4 /")
                .find("a batch of 2 proteins cannot fill more than 2 shards"),
            std::string::npos);
}

}  // namespace
}  // namespace jespr::data
