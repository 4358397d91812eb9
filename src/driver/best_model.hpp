// Which model of a run is the best, and when waiting for a better one is over.
#pragma once

#include <cstdint>
#include <string>

#include "driver/evaluation_settings.hpp"
#include "driver/history.hpp"

namespace jespr {

/// What is compared. The numbers stand in checkpoints.
enum class BestMetric : std::int64_t { loss = 0, accuracy = 1, recall = 2, percentile = 3 };

/// The deck's metric; `auto` is the percentile where there is a gallery of equal length, else the
/// loss, as it is where the sequence encoder learns alone. The percentile without such a gallery:
/// Error (data).
BestMetric best_metric(const ValidateSettings& settings, bool is_joint, bool has_equal_lengths);

/// Whether `chains` validation chains of `dataset` can judge: without two of them there is no best
/// model: a warning, or where the deck chooses a metric or has patience, Error (data).
void require_judges(const ValidateSettings& settings, const std::string& dataset, int chains);

const char* name_of(BestMetric metric);

/// The metric of a validation so that more is better: the loss with its sign turned.
double merit(BestMetric metric, const ValidationRow& row);

/// Counts a validation after `step` into a state (best_value, best_step, validations_without_gain)
/// and marks the row if it is the best so far. A metric that is not a number is no gain.
template <class State>
void judge(State& state, BestMetric metric, std::int64_t step, ValidationRow& row) {
  const double value = merit(metric, row);
  row.best = value > state.best_value ? 1 : 0;
  ++state.validations_without_gain;
  if (row.best == 0) return;
  state.best_value = value;
  state.best_step = step;
  state.validations_without_gain = 0;
}

/// Whether so many validations brought no gain that the run ends early.
template <class State>
bool is_out_of_patience(const State& state, const ValidateSettings& settings) {
  return settings.patience > 0 && state.validations_without_gain >= settings.patience;
}

}  // namespace jespr
