// A small schema with every kind of parameter, for the tests of the deck.
#pragma once

#include <string>
#include <vector>

#include "base/error.hpp"
#include "deck/reader.hpp"
#include "deck/schema.hpp"

namespace jespr::deck {

struct Example {
  std::string task = "train", name = "unnamed", results = "results";
  std::string dataset;
  std::vector<std::string> files;
  std::string preset = "small", kind = "adamw";
  std::int64_t layers = 2, steps = 100, warmup_steps = 0;
  double lr_peak = 1e-3, dropout = 0.0, third = 1.0 / 3.0;
  bool nesterov = false;
  std::vector<std::int64_t> recall = {1, 5, 10};
  std::vector<double> factors = {1.0, 0.1};
  std::vector<std::string> labels;

  bool operator==(const Example&) const = default;
};

inline void declare(Schema& schema, Example& s) {
  auto& run = schema.group("run", "task, name, where results go");
  run.choice("task", s.task, {"train", "evaluate"}, "what to do").names_task();
  run.text("name", s.name, "shown in the log");
  run.path("results", s.results, "folder of all results");
  auto& data = schema.group("data", "what to learn from");
  data.path("dataset", s.dataset, "packed dataset").required();
  data.paths("files", s.files, "structure files");
  data.texts("labels", s.labels, "labels to keep");
  auto& model = schema.group("model", "shape of the encoder").only_for({"train"});
  model.integer("layers", s.layers, {.min = 1, .max = 48}, "blocks");
  model.choice("preset", s.preset, {"small", "large"}, "shape").sets_defaults([&s] {
    s.layers = s.preset == "small" ? 2 : 6;
  });
  auto& optim = schema.group("optim", "optimizer and schedule").only_for({"train"});
  optim.choice("kind", s.kind, {"adam", "adamw"}, "update rule; Kingma & Ba 2015");
  optim.real("lr_peak", s.lr_peak, {.min = 0, .above = true}, "learning rate after the warm-up");
  optim.real("dropout", s.dropout, {.min = 0, .max = 1, .below = true}, "share of zeros");
  optim.real("third", s.third, {.unit = "Angstrom"}, "a number without a short spelling");
  optim.integer("steps", s.steps, {.min = 1, .unit = "steps"}, "length of the run");
  optim.integer("warmup_steps", s.warmup_steps, {.min = 0, .unit = "steps"}, "linear rise");
  optim.logical("nesterov", s.nesterov, "look ahead");
  optim.reals("factors", s.factors, {.min = 0, .least = 1, .most = 3}, "rates relative to lr_peak");
  optim.check("warmup_steps",
              [&s] { return s.warmup_steps < s.steps ? "" : "the run ends before; see steps"; });
  auto& validate = schema.group("validate", "what is measured");
  validate.integers("recall", s.recall, {.min = 1}, "ranks that count as found");
}

/// Reads `text` as the deck "t.deck" of the folder /home/me with the example's schema.
inline Example read_example(const std::string& text, const std::vector<std::string>& overrides = {},
                            const std::string& folder = "/home/me") {
  Example settings;
  Schema schema;
  declare(schema, settings);
  read(schema, {"t.deck", text, folder, overrides});
  return settings;
}

/// The same; what the reader says against it, "" if nothing.
inline std::string objection(const std::string& text,
                             const std::vector<std::string>& overrides = {}) {
  try {
    read_example(text, overrides);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace jespr::deck
