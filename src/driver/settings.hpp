// All groups of the deck side by side.
#pragma once

#include <string>

#include "data/prepare.hpp"
#include "data/settings.hpp"
#include "deck/schema.hpp"
#include "driver/benchmark_settings.hpp"
#include "driver/evaluation_settings.hpp"
#include "driver/run_settings.hpp"
#include "model/joint_model.hpp"
#include "optim/settings.hpp"

namespace jespr {

struct Settings {
  RunSettings run;
  data::DataSettings data;
  data::BatchSettings batch;
  ModelSettings model;
  OptimSettings optim;
  ValidateSettings validate;
  CheckpointSettings checkpoint;
  EvaluateSettings evaluate;
  data::PrepareSettings prepare;
  BenchmarkSettings benchmark;
};

/// What a task needs to know of the deck beside its settings.
struct DeckText {
  std::string name;       // as the user wrote it
  std::string folder;     // that it lies in, absolute
  std::string processed;  // every parameter with its value

  /// The folder that the deck names for results or, where it names none, run/`run` beside it.
  std::string folder_of_run(const std::string& named, const std::string& run) const {
    return named.empty() ? folder + "/run/" + run : named;
  }
};

/// Every parameter that concerns the task, with its value, as deck::processed writes it.
std::string processed_deck(const Settings& settings);

/// Declares every group; `settings` must outlive `schema`.
void declare(deck::Schema& schema, Settings& settings);

}  // namespace jespr
