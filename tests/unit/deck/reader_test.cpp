// The strict reader: settings from a deck and overrides, and the exact texts of its refusals.
#include "deck/reader.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "deck/effect.hpp"
#include "example.hpp"

namespace jespr::deck {
namespace {

const std::string data = "&data dataset='d.h5' /\n";  // line 1 of every deck here

/// The only mistake in `text` behind the line of `data`.
std::string one(const std::string& text, const std::vector<std::string>& overrides = {}) {
  const std::string said = objection(data + text, overrides);
  const std::string tail = "\n1 mistake, nothing was started";
  EXPECT_GT(said.size(), tail.size()) << text << "\n" << said;
  if (said.size() <= tail.size()) return said;
  EXPECT_EQ(said.substr(said.size() - tail.size()), tail) << said;
  return said.substr(0, said.size() - tail.size());
}

TEST(Reader, sets_every_kind_of_variable) {
  const Example s = read_example(
      "&run task='TRAIN' name='it''s' results='out/' /\n"
      "&data dataset='../x/d.h5' files='a.pdb','/b.cif' labels='A' /\n"
      "&optim kind='Adam' lr_peak=2d-3 dropout=.5 steps=+7 nesterov=T factors=3*0.5 /\n"
      "&validate recall=1,2 /");
  EXPECT_EQ(s.task, "train");
  EXPECT_EQ(s.name, "it's");
  EXPECT_EQ(s.results, "/home/me/out");
  EXPECT_EQ(s.dataset, "/home/x/d.h5");
  EXPECT_EQ(s.files, (std::vector<std::string>{"/home/me/a.pdb", "/b.cif"}));
  EXPECT_EQ(s.labels, std::vector<std::string>{"A"});
  EXPECT_EQ(s.kind, "adam");
  EXPECT_EQ(s.lr_peak, 2e-3);
  EXPECT_EQ(s.dropout, 0.5);
  EXPECT_EQ(s.steps, 7);
  EXPECT_TRUE(s.nesterov);
  EXPECT_EQ(s.factors, (std::vector<double>{0.5, 0.5, 0.5}));
  EXPECT_EQ(s.recall, (std::vector<std::int64_t>{1, 2}));
}

TEST(Reader, what_is_not_given_keeps_its_default) {
  Example expected;
  expected.dataset = "/home/me/d.h5";
  expected.results = "/home/me/results";
  EXPECT_EQ(read_example(data), expected);
  EXPECT_EQ(read_example(data + "&optim lr_peak=, kind= steps=,/"), expected);
}

TEST(Reader, elements_of_arrays) {
  const auto recall = [](const std::string& text) {
    return read_example(data + "&validate " + text + " /").recall;
  };
  using List = std::vector<std::int64_t>;
  EXPECT_EQ(recall("recall(2)=7"), (List{1, 7, 10}));
  EXPECT_EQ(recall("recall(4)=50, recall(5)=60"), (List{1, 5, 10, 50, 60}));
  EXPECT_EQ(recall("recall(2:3)=7,8 recall(1)=9"), (List{9, 7, 8}));
  EXPECT_EQ(recall("recall(3:)=7,8"), (List{1, 5, 7, 8}));
  EXPECT_EQ(recall("recall=,7"), (List{1, 7}));
}

TEST(Reader, a_preset_is_read_first_and_others_change_it) {
  EXPECT_EQ(read_example(data).layers, 2);
  EXPECT_EQ(read_example(data + "&model preset='large' /").layers, 6);
  EXPECT_EQ(read_example(data + "&model layers=4 preset='large' /").layers, 4);
}

TEST(Reader, overrides_come_last_and_need_no_quotes) {
  const Example s = read_example(data + "&optim lr_peak=1 /\n&validate recall=2,3 /",
                                 {"optim.lr_peak=5d-1", "run.name=a b", "run.results=r",
                                  "validate.recall(2)=9", "data.dataset='x''s'"});
  EXPECT_EQ(s.lr_peak, 0.5);
  EXPECT_EQ(s.name, "a b");
  EXPECT_EQ(s.results, (std::filesystem::current_path() / "r").string());
  EXPECT_EQ(s.dataset, (std::filesystem::current_path() / "x's").string());
  EXPECT_EQ(s.recall, (std::vector<std::int64_t>{2, 9}));
}

TEST(Reader, all_mistakes_at_once_in_the_order_of_the_deck) {
  EXPECT_EQ(objection("&validate recall=0 /\n"
                      "&optim lr_peek=1\n"
                      "  kind='sgd', steps=3.5\n"
                      "  warmup_steps=200 /\n"
                      "&runn /\n",
                      {"optim.nesterov=2"}),
            "t.deck:1: &validate recall(1) = 0: expects an integer >= 1\n"
            "t.deck:2: &optim lr_peek: no such parameter; nearest is lr_peak (jespr --help optim)\n"
            "t.deck:3: &optim kind = 'sgd': choices are adam, adamw\n"
            "t.deck:3: &optim steps = 3.5: expects an integer >= 1 (steps)\n"
            "t.deck:4: &optim warmup_steps = 200: the run ends before; see steps\n"
            "t.deck:5: &runn: no such group; nearest is &run (jespr --help)\n"
            "t.deck: &data dataset: is required: packed dataset (jespr --help data)\n"
            "command line: optim.nesterov = 2: expects .true. or .false.\n"
            "8 mistakes, nothing was started");
}

TEST(Reader, mistakes_of_one_line_come_in_its_order) {
  EXPECT_EQ(objection(data + "&optim steps=x kind='x' lr_peak=x /", {"x.y=1", "optim.dropout=x"}),
            "t.deck:2: &optim steps = x: expects an integer >= 1 (steps)\n"
            "t.deck:2: &optim kind = 'x': choices are adam, adamw\n"
            "t.deck:2: &optim lr_peak = x: expects a real > 0\n"
            "command line: x: no such group (jespr --help)\n"
            "command line: optim.dropout = x: expects a real >= 0 and < 1\n"
            "5 mistakes, nothing was started");
}

TEST(Reader, unknown_names) {
  EXPECT_EQ(one("&optim momentum=1 /"),
            "t.deck:2: &optim momentum: no such parameter (jespr --help optim)");
  EXPECT_EQ(one("&run lr_peak=1 /"),
            "t.deck:2: &run lr_peak: no such parameter here; it belongs to &optim (jespr --help "
            "optim)");
  EXPECT_EQ(one("&physics /"), "t.deck:2: &physics: no such group (jespr --help)");
  EXPECT_EQ(one("", {"optm.kind=adam"}),
            "command line: optm: no such group; nearest is optim (jespr --help)");
  EXPECT_EQ(one("", {"optim.king=adam"}),
            "command line: optim.king: no such parameter; nearest is kind (jespr --help optim)");
}

TEST(Reader, values_of_another_kind) {
  EXPECT_EQ(one("&run name=quick /"), "t.deck:2: &run name = quick: a text needs quotes: 'quick'");
  EXPECT_EQ(one("&optim steps='7' /"),
            "t.deck:2: &optim steps = '7': expects an integer >= 1 (steps), without quotes");
  EXPECT_EQ(one("&optim third=x /"), "t.deck:2: &optim third = x: expects a real (Angstrom)");
  EXPECT_EQ(one("&optim lr_peak=0 /"), "t.deck:2: &optim lr_peak = 0: expects a real > 0");
  EXPECT_EQ(one("&optim dropout=1. /"),
            "t.deck:2: &optim dropout = 1.: expects a real >= 0 and < 1");
  EXPECT_EQ(one("&model layers=99 /"),
            "t.deck:2: &model layers = 99: expects an integer from 1 to 48");
  EXPECT_EQ(one("&optim steps=1,2 /"), "t.deck:2: &optim steps: takes one value, found 2");
  EXPECT_EQ(one("&optim steps(1)=1 /"), "t.deck:2: &optim steps is not an array: no subscript");
}

TEST(Reader, arrays_that_do_not_fit) {
  EXPECT_EQ(one("&validate recall(6)=1 /"),
            "t.deck:2: &validate recall(6): there are 3 elements; the next to append is (4)");
  EXPECT_EQ(one("&validate recall(1:3)=1,2 /"),
            "t.deck:2: &validate recall(1:3): takes 3 values, found 2");
  EXPECT_EQ(one("&validate recall=1,2,3,,5 /"),
            "t.deck:2: &validate recall(4): is empty and has no default");
  EXPECT_EQ(one("&optim factors=4*1 /"),
            "t.deck:2: &optim factors: has 4 elements, expects at most 3");
}

TEST(Reader, nothing_is_given_twice) {
  EXPECT_EQ(one("&optim steps=1\n steps=2 /"),
            "t.deck:3: &optim steps: is given twice, first at line 2");
  EXPECT_EQ(one("&run /\n&run /"), "t.deck:3: &run: appears twice, first at line 2");
  EXPECT_EQ(one("&validate recall=1,2 recall(2)=3 /"),
            "t.deck:2: &validate recall: is given twice, first at line 2");
  EXPECT_EQ(one("", {"optim.steps=1", "optim.steps=2"}),
            "command line: optim.steps: is given twice");
}

TEST(Reader, parameters_of_another_task) {
  EXPECT_EQ(one("&run task='evaluate' /\n&optim steps=1 kind='adam' /"),
            "t.deck:3: &optim: only for task 'train', and this is 'evaluate'");
  EXPECT_EQ(one("&run task='evaluate' /", {"optim.steps=1"}),
            "command line: optim.steps: only for task 'train', and this is 'evaluate'");
}

TEST(Reader, checks_name_the_place_of_what_they_object_to) {
  EXPECT_EQ(one("&optim\n warmup_steps=9 /", {"optim.steps=5"}),
            "t.deck:3: &optim warmup_steps = 9: the run ends before; see steps");
  EXPECT_EQ(one("", {"optim.warmup_steps=500"}),
            "command line: optim.warmup_steps = 500: the run ends before; see steps");
}

TEST(Reader, a_stored_deck_was_checked_when_it_was_written) {
  Example settings;
  Schema schema;
  declare(schema, settings);
  read_stored(schema, {"t.deck", data + "&optim warmup_steps=9 steps=5 /", "/home/me", {}});
  EXPECT_EQ(settings.warmup_steps, 9);
  EXPECT_THROW(read_stored(schema, {"t.deck", data + "&optim steps=0 /", "/home/me", {}}), Error);
}

TEST(Reader, a_former_name_is_read_in_stored_decks_alone) {
  Example settings;
  Schema schema;
  declare(schema, settings);
  bool mean = false;
  schema.group("average", "of the weights").logical("ema", mean, "whether").formerly("mean");
  const Source source{"t.deck", data + "&average mean=T /", "/home/me", {}};
  try {
    read(schema, source);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what())
                  .find("&average mean: no such parameter; it is called ema now\n1 mistake"),
              std::string::npos)
        << error.what();
  }
  read_stored(schema, source);
  EXPECT_TRUE(mean);
}

TEST(Reader, a_value_without_effect_is_refused) {
  const auto said = [](const std::string& text) -> std::string {
    Example settings;
    Schema schema;
    declare(schema, settings);
    auto& group = schema.group("average", "of the weights");
    double decay = 0.5;
    group.real("decay", decay, {}, "decay");
    has_effect_if(
        group, "decay", decay, [&settings] { return settings.kind == "adam"; }, "kind = 'adam'");
    try {
      read(schema, {"t.deck", data + text, "/home/me", {}});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(said("&average decay = 0.25 /"),
            "t.deck:2: &average decay = 0.25: has no effect here: it is read with kind = 'adam' "
            "alone; drop it\n1 mistake, nothing was started");
  EXPECT_EQ(said("&average decay = 0.25 /\n&optim kind = 'adam' /"), "");
  EXPECT_EQ(said("&average decay = 0.5 /"), "");
  EXPECT_EQ(said("&optim kind = 'adamw' /"), "");
}

TEST(Reader, required_means_given_and_not_empty) {
  const std::string said =
      ": &data dataset: is required: packed dataset (jespr --help data)\n"
      "1 mistake, nothing was started";
  EXPECT_EQ(objection("&run /"), "t.deck" + said);
  EXPECT_EQ(objection("&data /"), "t.deck:1" + said);
  EXPECT_EQ(objection("&data\ndataset='' /"), "t.deck:2" + said);
}

TEST(Reader, empty_decks) {
  EXPECT_EQ(objection("! nothing\n"),
            "t.deck: holds no groups; jespr --template train shows what a deck is\n"
            "1 mistake, nothing was started");
}

TEST(Reader, long_lists_of_mistakes_are_cut) {
  std::string text = data + "&run\n";
  for (char a = 'a'; a < 'k'; ++a) {
    for (char b = 'a'; b < 'i'; ++b) text.append({'x', a, b, '=', '1', '\n'});
  }
  const std::string said = objection(text + "/");
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 51);
  EXPECT_NE(said.find("... and 30 more\n80 mistakes, nothing was started"), said.npos);
}

TEST(Reader, damaged_decks_are_refused_or_read_but_never_crash) {
  const std::string whole =
      data +
      "&run task = 'train', name = \"x\" /\n&optim lr_peak=1d-3, kind='adam'\n"
      "factors(1:2) = 2*.5 /\n&validate recall = 1,,10 /\n";
  ASSERT_EQ(objection(whole), "");
  std::mt19937 random(5);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = whole;
    text[random() % text.size()] = static_cast<char>(random());
    refused += objection(text) != "";
  }
  EXPECT_GT(refused, 1000);
}

TEST(Reader, load_reads_the_file_and_names_its_folder) {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "jespr_deck_test";
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "x.deck").string();
  std::ofstream(path) << "&run /\n";
  const Source source = load(path, {"a.b=1"});
  EXPECT_EQ(source.name, path);
  EXPECT_EQ(source.text, "&run /\n");
  EXPECT_EQ(source.folder, folder.string());
  EXPECT_EQ(source.overrides, std::vector<std::string>{"a.b=1"});
  const auto failure = [](const std::string& name) -> std::string {
    try {
      load(name);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::deck);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(failure("no/such.deck"),
            "no/such.deck: cannot read the deck: No such file or directory");
  EXPECT_EQ(failure(folder.string()), folder.string() + ": is a folder, not a deck");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace jespr::deck
