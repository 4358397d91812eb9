// What a deck says about measuring retrieval: groups &validate (during training) and &evaluate (a
// task of its own).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "deck/schema.hpp"
#include "model/loss.hpp"

namespace jespr {

/// How retrieval is measured, in both.
struct RetrievalSettings {
  std::vector<std::int64_t> recall = {1, 5, 10};
  std::int64_t equal_length = 64;  // residues; 0: no gallery of equal lengths
  std::int64_t bootstrap = 1000;   // samples
};

struct ValidateSettings {
  std::int64_t every = 1000;  // steps; 0: never
  RetrievalSettings retrieval;
  std::string metric = "auto";        // what is best
  std::int64_t patience = 0;          // validations without a gain; 0: no early end
  std::vector<std::string> datasets;  // further ones
  std::int64_t worst_pairs = 10;
};

/// What results on a further dataset are told by: its file's name without the ending.
std::string name_of_set(const std::string& dataset);

struct EvaluateSettings {
  std::string checkpoint;
  std::string weights = "last";
  std::string split = "validation";
  RetrievalSettings retrieval = {.recall = {1, 5, 10, 50}};
  bool untrained = true;
  bool pooled_rows = false;
  std::string output;  // folder; empty: beside the checkpoint, its name without .h5
  bool overwrite = false;

  /// The folder that results go to.
  std::string output_folder() const;
};

/// That no run of so many steps can spend the patience that the deck asks for, "" if one can.
std::string warning_of_patience(const ValidateSettings& settings, std::int64_t steps);

void declare(deck::Schema& schema, ValidateSettings& settings, const LossSettings& loss);
void declare(deck::Schema& schema, EvaluateSettings& settings);

}  // namespace jespr
