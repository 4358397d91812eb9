// The best model.
#include "driver/best_model.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/log.hpp"

namespace jespr {

BestMetric best_metric(const ValidateSettings& settings, bool is_joint, bool has_equal_lengths) {
  if (settings.metric == "accuracy") return BestMetric::accuracy;
  if (settings.metric == "recall") return BestMetric::recall;
  if (settings.metric == "loss") return BestMetric::loss;
  if (settings.metric == "percentile" && !has_equal_lengths)
    fail(Exit::data,
         "&validate metric = 'percentile': fewer than two validation chains have "
         "validate.equal_length = " +
             std::to_string(settings.retrieval.equal_length) +
             " residues; lower it, or choose another metric");
  return is_joint && has_equal_lengths ? BestMetric::percentile : BestMetric::loss;
}

void require_judges(const ValidateSettings& settings, const std::string& dataset, int chains) {
  constexpr int fewest = 2;  // one chain alone finds its partner always
  if (settings.every == 0 || chains >= fewest) return;
  const std::string found =
      fmt::format("{}: {} validation chain{}", dataset, chains, chains == 1 ? "" : "s");
  const std::string remedy =
      "prepare the dataset with &prepare split = 'by_cluster', clusters = 'kmers', or with a table "
      "that names validation chains";
  if (settings.patience > 0 || settings.metric != "auto")
    fail(Exit::data, fmt::format("{}, but &validate {} needs {}: {}, or drop it", found,
                                 settings.patience > 0 ? "patience" : "metric", fewest, remedy));
  log::warning(
      fmt::format("{}: there will be no validation on this dataset and no best.h5; {}, or "
                  "set validate.every = 0",
                  found, remedy));
}

const char* name_of(BestMetric metric) {
  switch (metric) {
    case BestMetric::accuracy:
      return "accuracy";
    case BestMetric::recall:
      return "recall";
    case BestMetric::percentile:
      return "percentile";
    case BestMetric::loss:
      break;
  }
  return "loss";
}

double merit(BestMetric metric, const ValidationRow& row) {
  switch (metric) {
    case BestMetric::accuracy:
      return 0.5 * (row.accuracy_sequence_to_structure + row.accuracy_structure_to_sequence);
    case BestMetric::recall:
      return row.recall.back();
    case BestMetric::percentile:
      return row.equal_length_percentile;
    case BestMetric::loss:
      break;
  }
  return -row.loss;
}

}  // namespace jespr
