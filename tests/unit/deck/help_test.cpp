// Help texts from the declarations.
#include "deck/help.hpp"

#include <gtest/gtest.h>

#include "example.hpp"

namespace jespr::deck {
namespace {

struct Declared {
  Example settings;
  Schema schema;
  Declared() { declare(schema, settings); }
};

TEST(Help, lists_the_groups) {
  EXPECT_EQ(help(Declared().schema),
            "Groups of a deck; jespr --help GROUP explains the parameters of one:\n"
            "  &run          task, name, where results go\n"
            "  &data         what to learn from\n"
            "  &model        shape of the encoder\n"
            "  &optim        optimizer and schedule\n"
            "  &validate     what is measured\n");
}

TEST(Help, explains_a_group) {
  EXPECT_EQ(help(Declared().schema, "data"),
            "&data: what to learn from\n"
            "\n  dataset = ...                  required; a path\n"
            "      packed dataset\n"
            "\n  files =                        array; each a path\n"
            "      structure files\n"
            "\n  labels =                       array; each a text\n"
            "      labels to keep\n");
  const std::string optim = help(Declared().schema, "optim");
  EXPECT_EQ(help(Declared().schema, "OPTIM"), optim);
  EXPECT_EQ(optim.substr(0, optim.find('\n')),
            "&optim: optimizer and schedule; only for task train");
  EXPECT_NE(optim.find("\n  dropout = 0.0                  a real >= 0 and < 1\n"), optim.npos);
}

TEST(Help, of_an_unknown_group_names_the_nearest) {
  const auto said = [](const std::string& group) -> std::string {
    try {
      help(Declared().schema, group);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Exit::deck);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(said("optin"), "command line: --help optin: no such group; nearest is optim");
  EXPECT_EQ(
      said("zzz"),
      "command line: --help zzz: no such group; groups are run, data, model, optim, validate");
}

TEST(Help, markdown_has_a_row_for_every_parameter) {
  Declared declared;
  const std::string text = markdown(declared.schema);
  for (const Group& group : declared.schema.groups()) {
    EXPECT_NE(text.find("\n## &" + group.name() + "\n"), text.npos);
    for (const Parameter& parameter : group.parameters()) {
      EXPECT_NE(text.find("\n| `" + parameter.name() + "` | "), text.npos) << parameter.name();
    }
  }
  EXPECT_NE(text.find("| `lr_peak` | `0.001` | a real > 0 | learning rate after the warm-up |"),
            text.npos);
  EXPECT_NE(
      text.find("| `kind` | `'adamw'` | `'adam'` `'adamw'` | update rule; Kingma & Ba 2015 |"),
      text.npos);
  EXPECT_NE(text.find("\n## &optim\n\nOptimizer and schedule. Only for task train.\n"), text.npos);
  EXPECT_NE(text.find("| `dataset` | required | a path | packed dataset |"), text.npos);
  EXPECT_NE(text.find("| `factors` | `1.0, 0.1` | array; each a real >= 0 | rates relative to "
                      "lr\\_peak |"),
            text.npos);
}

}  // namespace
}  // namespace jespr::deck
