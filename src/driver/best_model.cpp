// The best model.
#include "driver/best_model.hpp"

#include "base/error.hpp"

namespace jespr {

BestMetric best_metric(const ValidateSettings& settings, bool is_joint, bool has_equal_lengths) {
  if (!is_joint && settings.metric != "auto" && settings.metric != "loss")
    fail(Exit::deck, "&validate metric = '" + settings.metric +
                         "': the sequence encoder alone has no partners to find; it is judged by "
                         "its loss");
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
