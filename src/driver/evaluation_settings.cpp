// Declarations of groups &validate and &evaluate.
#include "driver/evaluation_settings.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "deck/effect.hpp"

namespace jespr {
namespace {

void declare_retrieval(deck::Group& group, RetrievalSettings& s) {
  group.integers("recall", s.recall, {.min = 1, .least = 1, .most = 20},
                 "recall@k: share of queries whose partner is among the first k");
  group.integer("equal_length", s.equal_length, {.min = 0, .unit = "residues"},
                "also one gallery of all chains of at least so many residues, cut to their central "
                "ones: there lengths give nothing away; 0: none");
  group.integer("bootstrap", s.bootstrap, {.min = 0, .max = 1000000},
                "samples of proteins behind the 95 % intervals (Efron 1979); 0: no intervals");
  group.check("recall", [&s]() -> std::string {
    std::set<std::int64_t> seen;
    for (const std::int64_t k : s.recall)
      if (!seen.insert(k).second) return fmt::format("{} is listed twice; drop one", k);
    return "";
  });
}

/// Why results of the further datasets could not be told apart, "" if they can.
std::string objection_to_sets(const std::vector<std::string>& datasets) {
  std::set<std::string> seen;
  for (const std::string& path : datasets) {
    const std::string name = name_of_set(path);
    if (name.empty()) return "one of the names is empty; drop it";
    if (!seen.insert(name).second)
      return "another one is called '" + name + "', too; rename one: results are told by it";
  }
  return "";
}

/// Why a metric that the deck chooses is never measured, "" if it is.
std::string objection_to_metric(const ValidateSettings& s, const LossSettings& loss) {
  if (s.metric == "auto" || s.metric == "loss") return "";
  if (!loss.is_joint())
    return "the sequence encoder alone (&loss kind = '" + loss.kind +
           "') has no partners to find: it is judged by its loss; drop it";
  if (s.metric == "accuracy" && loss.kind == "none")
    return "&loss kind = 'none' compares no partners within a batch; choose another metric";
  if (s.metric == "percentile" && s.retrieval.equal_length == 0)
    return "equal_length = 0 leaves no gallery of equal length; raise it, or choose another metric";
  return "";
}

}  // namespace

std::string name_of_set(const std::string& dataset) {
  return std::filesystem::path(dataset).stem().string();
}

void declare(deck::Schema& schema, ValidateSettings& s, const LossSettings& loss) {
  auto& group = schema.group("validate", "loss and retrieval on the validation split, on the way");
  group.only_for({"train"});
  group.integer("every", s.every, {.min = 0, .unit = "steps"},
                "interval of validations; there is one after the last step too; 0: none at all. Of "
                "chains longer than &data max_length they see the central max_length residues "
                "(task evaluate: whole chains)");
  declare_retrieval(group, s.retrieval);
  group.choice(
      "metric", s.metric, {"auto", "loss", "accuracy", "recall", "percentile"},
      "what makes a model the best (best.h5): the lowest loss, or the highest mean of both "
      "accuracies, recall at the last of the ranks, or percentile at equal length; auto: "
      "percentile where there is a gallery of equal length, else loss");
  group.integer(
      "patience", s.patience, {.min = 0, .unit = "validations"},
      "so many in a row without a new best end the run early, with exit code 0; 0: never");
  group.paths("datasets", s.datasets,
              "more datasets to validate on: their validation chains, or all where they have none; "
              "they decide nothing");
  group.integer(
      "worst_pairs", s.worst_pairs, {.min = 0, .max = 100000},
      "so many pairs of the highest loss are listed by name in worst_pairs.tsv; 0: none; the "
      "loss of a pair is the mean of its two cross entropies over the validation gallery, of "
      "logits exp(logit_scale) x . y, or x . y / 0.07 with a &loss kind that has no logit scale "
      "(vicreg, distance, none)");
  group.check("datasets", [&s] { return objection_to_sets(s.datasets); });
  group.check("metric", [&s, &loss] { return objection_to_metric(s, loss); });
  const auto joint = [&loss] { return loss.is_joint(); };
  const std::string of_joint = "a joint &loss kind (not 'mlm' or 'causal')";
  deck::has_effect_if(group, "recall", s.retrieval.recall, joint, of_joint);
  deck::has_effect_if(group, "equal_length", s.retrieval.equal_length, joint, of_joint);
  deck::has_effect_if(group, "bootstrap", s.retrieval.bootstrap, joint, of_joint);
  deck::has_effect_if(group, "worst_pairs", s.worst_pairs, joint, of_joint);
  const auto validates = [&s] { return s.every > 0; };
  deck::has_effect_if(group, "metric", s.metric, validates, "every > 0");
  deck::has_effect_if(group, "datasets", s.datasets, validates, "every > 0");
  group.check("patience", [&s]() -> std::string {
    return s.patience > 0 && s.every == 0
               ? "every = 0: there are no validations to wait for; raise that, or drop it"
               : "";
  });
}

void declare(deck::Schema& schema, EvaluateSettings& s) {
  auto& group = schema.group("evaluate", "cross-modal retrieval by the model of a checkpoint");
  group.only_for({"evaluate"});
  group.path("checkpoint", s.checkpoint, "checkpoint with the model, e.g. best.h5 of a run")
      .required();
  group.choice("weights", s.weights, {"last", "averaged"},
               "of the last update, or the moving average that &optim ema_decay kept");
  group.choice("split", s.split, {"train", "validation", "test", "all"},
               "chains of &data dataset that are queries and gallery");
  declare_retrieval(group, s.retrieval);
  group.logical("untrained", s.untrained,
                "also measure the model with the weights that its training started from");
  group.logical("pooled_rows", s.pooled_rows,
                "evaluation.h5 also has the pooled rows of both encoders, before the heads");
  group.path("output", s.output,
             "folder of evaluation.json and evaluation.h5; none given: beside the checkpoint, "
             "named as it is");
  group.logical("overwrite", s.overwrite,
                "replace results of that name; otherwise they are kept "
                "and the task is refused");
}

std::string warning_of_patience(const ValidateSettings& settings, std::int64_t steps) {
  if (settings.patience == 0) return "";
  const std::int64_t validations = (steps + settings.every - 1) / settings.every;
  if (settings.patience + 1 < validations) return "";  // the first one is a new best
  return fmt::format(
      "validate.patience = {} cannot end this run early: {} steps have {} validation{}, one every "
      "{}, of which the first is a new best; lower validate.every, or drop patience",
      settings.patience, steps, validations, validations == 1 ? "" : "s", settings.every);
}

std::string EvaluateSettings::output_folder() const {
  if (!output.empty()) return output;
  return std::filesystem::path(checkpoint).replace_extension().string();
}

}  // namespace jespr
