// What a deck says about the run itself: groups &run and &checkpoint.
#pragma once

#include <cstdint>
#include <string>

#include "backend/products.hpp"
#include "deck/schema.hpp"

namespace jespr {

struct RunSettings {
  std::string task = "train";
  std::string name = "run";
  std::string output;  // folder; empty: run/<name> beside the deck
  std::int64_t seed = 1;
  std::string precision = "f32";
  std::string matrix_library = "auto";
  std::int64_t max_seconds = 0;
  std::string stop_signal = "USR1";
  std::string stop_file;              // empty: `stop` in the run's folder
  std::int64_t job_end_margin = 60;   // s; 0: Slurm's end of the job is not looked at
  std::int64_t statistics_every = 0;  // steps; 0: never
  std::int64_t log_every = 10;

  /// What `precision` makes of the operands of products.
  OperandPrecision operands() const;
};

struct CheckpointSettings {
  std::int64_t every = 1000;
  std::int64_t keep = 2;
  std::string restart = "no";
  std::string restart_file;
};

void declare(deck::Schema& schema, RunSettings& settings);
void declare(deck::Schema& schema, CheckpointSettings& settings);

}  // namespace jespr
