// Decks that the program writes: they read back to the settings that they were written from.
#include "deck/writer.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "example.hpp"

namespace jespr::deck {
namespace {

std::string processed_of(Example& settings) {
  Schema schema;
  declare(schema, settings);
  return processed(schema);
}

TEST(Writer, the_processed_deck_reads_back_from_any_folder) {
  Example s = read_example(
      "&run name='it''s \"x\" ! /' /\n&data dataset='d.h5' files='a','b' /\n&model layers=5 /\n"
      "&optim lr_peak=0.1234567890123456789 dropout=1d-300 nesterov=T factors=0.1 /\n"
      "&validate recall=3 /",
      {"run.results=../r"});
  const std::string text = processed_of(s);
  EXPECT_EQ(read_example(text, {}, "/elsewhere"), s);
  Example back = read_example(text, {}, "/elsewhere");
  EXPECT_EQ(processed_of(back), text);
}

TEST(Writer, extreme_reals_read_back_to_the_same_bits) {
  Example s;
  s.dataset = "/d";
  s.results = "/r";
  for (const double x : {0.1 + 0.2, 1.0 / 3.0, -0.0, 5e-324, 1.7976931348623157e308, 1e22}) {
    s.third = x;
    const Example back = read_example(processed_of(s));
    EXPECT_EQ(back.third, x);
    EXPECT_EQ(std::signbit(back.third), std::signbit(x));
  }
}

TEST(Writer, the_processed_deck_holds_what_concerns_the_task) {
  Example s;
  s.task = "evaluate";
  s.dataset = "/d";
  s.results = "/r";
  EXPECT_EQ(processed_of(s),
            "&run\n  task = 'evaluate'\n  name = 'unnamed'\n  results = '/r'\n/\n"
            "&data\n  dataset = '/d'\n  files = \n  labels = \n/\n"
            "&validate\n  recall = 1, 5, 10\n/\n");
}

TEST(Writer, the_hash_sees_every_value_and_no_spelling) {
  const auto hash_of = [](const std::string& text) {
    Example settings;
    Schema schema;
    declare(schema, settings);
    read(schema, {"t", text, "/f", {}});
    return hash(schema);
  };
  const std::uint64_t first = hash_of("&data dataset='d' / &optim lr_peak=1d-2 /");
  EXPECT_EQ(hash_of("! x\n&OPTIM LR_PEAK = .01 &end\n&data dataset=\"./d\" /"), first);
  EXPECT_NE(hash_of("&data dataset='d' / &optim lr_peak=0.010000000000000002 /"), first);
  EXPECT_NE(hash_of("&data dataset='e' / &optim lr_peak=1d-2 /"), first);
}

std::string template_of(const std::string& task) {
  Example settings;
  Schema schema;
  declare(schema, settings);
  return template_deck(schema, task);
}

TEST(Writer, a_template_reads_back_to_the_defaults) {
  for (const std::string task : {"train", "evaluate"}) {
    Example expected = read_example("&run task='" + task + "' /\n&data dataset='d' /");
    EXPECT_EQ(read_example(template_of(task), {"data.dataset=/home/me/d"}), expected);
    const std::string said = objection(template_of(task));
    EXPECT_NE(said.find("&data dataset: is required"), said.npos);
    EXPECT_NE(said.find("1 mistake, nothing was started"), said.npos) << said;
  }
}

TEST(Writer, a_template_shows_defaults_and_meaning) {
  const std::string text = template_of("train");
  EXPECT_NE(text.find("\n&optim  ! optimizer and schedule\n"
                      "  kind = 'adamw'                 ! 'adam', 'adamw': update rule; Kingma & "
                      "Ba 2015\n"
                      "  lr_peak = 0.001                ! a real > 0: learning rate after the "
                      "warm-up\n"),
            text.npos)
      << text;
  EXPECT_EQ(template_of("evaluate").find("&optim"), text.npos);
}

/// What a preset fills is a comment: another preset in the template, or on the command line, acts.
TEST(Writer, a_template_leaves_to_a_preset_what_it_fills) {
  std::string text = template_of("train");
  EXPECT_NE(text.find("  ! layers = 2                   ! an integer from 1 to 48: blocks\n"),
            text.npos)
      << text;
  const std::vector<std::string> dataset = {"data.dataset=/d"};
  EXPECT_EQ(read_example(text, dataset).layers, 2);
  EXPECT_EQ(read_example(text, {"data.dataset=/d", "model.preset=large"}).layers, 6);
  const std::string small = "preset = 'small'";
  text.replace(text.find(small), small.size(), "preset = 'large'");
  EXPECT_EQ(read_example(text, dataset).layers, 6);
  const std::string comment = "! layers = 2";
  text.replace(text.find(comment), comment.size(), "layers = 3");
  EXPECT_EQ(read_example(text, dataset).layers, 3);
}

TEST(Writer, a_template_changes_no_other_setting) {
  Example settings;
  settings.preset = "large";
  Schema schema;
  declare(schema, settings);
  const std::string text = template_deck(schema, "train");
  EXPECT_EQ(settings.preset, "large");
  EXPECT_EQ(settings.layers, 6);
  EXPECT_NE(text.find("! layers = 6"), text.npos) << text;
}

TEST(Writer, a_template_of_an_unknown_task_is_refused) {
  try {
    template_of("fit");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Exit::deck);
    EXPECT_STREQ(error.what(), "command line: --template fit: tasks are train, evaluate");
  }
}

}  // namespace
}  // namespace jespr::deck
