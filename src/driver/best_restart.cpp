// The search for the best model over a restart.
#include "driver/best_restart.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <system_error>  // for error_code
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "driver/restart.hpp"
#include "io/checkpoint.hpp"

namespace jespr {
namespace {

using Measure = std::vector<std::pair<std::string, std::string>>;  // parameter, value

/// What values of the loss depend on beyond what no restart may change.
void add_loss(Measure& measure, const ModelSettings& model) {
  const LossSettings& loss = model.loss;
  const std::vector<std::pair<std::string, double>> numbers = {
      {"invariance_weight", loss.invariance_weight},
      {"variance_weight", loss.variance_weight},
      {"covariance_weight", loss.covariance_weight},
      {"alignment_weight", loss.alignment_weight},
      {"uniformity_weight", loss.uniformity_weight},
      {"uniformity_sharpness", loss.uniformity_sharpness},
      {"mlm_weight", loss.mlm_weight},
      {"causal_weight", loss.causal_weight},
      {"predicted_fraction", loss.predicted_fraction}};
  for (const auto& [name, value] : numbers)
    measure.emplace_back("&loss " + name, fmt::format("{}", value));
  measure.emplace_back("&classes weights",
                       fmt::format("{}", fmt::join(model.classes.weights, ", ")));
}

Measure measure_of(const Settings& settings, BestMetric metric) {
  const bool averaged = settings.optim.ema_decay > 0 && settings.optim.ema_validate;
  Measure measure = {{"what is validated", averaged ? "averaged weights" : "the last weights"}};
  const RetrievalSettings& retrieval = settings.validate.retrieval;
  if (metric == BestMetric::percentile)
    measure.emplace_back("&validate equal_length", fmt::format("{}", retrieval.equal_length));
  else
    measure.emplace_back("&data max_length", fmt::format("{}", settings.data.max_length));
  if (metric == BestMetric::recall)
    measure.emplace_back("the last rank of &validate recall",
                         fmt::format("{}", retrieval.recall.back()));
  if (metric == BestMetric::loss) add_loss(measure, settings.model);
  return measure;
}

/// What two decks say differently about the measure of a validation by `metric`, so that its
/// values cannot be compared: "&validate equal_length was 64, is 30"; "" if nothing.
std::string difference_of_measures(const Settings& before, const Settings& now, BestMetric metric) {
  const Measure old = measure_of(before, metric), present = measure_of(now, metric);
  std::string text;
  for (std::size_t i = 0; i < old.size(); ++i)
    if (old[i] != present[i])
      text += fmt::format("{}{} was {}, is {}", text.empty() ? "" : "; ", old[i].first,
                          old[i].second, present[i].second);
  return text;
}

/// What the root finds, on all ranks: others may see a file of a network later.
template <class Question>
bool root_says(const Communicator& communicator, const Question& question) {
  return !communicator.broadcast(communicator.is_root() && question() ? "yes" : "").empty();
}

bool lies_in(const std::string& file, const std::string& folder) {
  std::error_code elsewhere;  // a folder that does not exist yet holds nothing
  return std::filesystem::equivalent(std::filesystem::path(file).parent_path(), folder, elsewhere);
}

/// Why best.h5 is not the best model of a checkpoint at `step`, "" if it is. One that is newer than
/// the checkpoint was written by the steps that are now taken again.
std::string objection_to_best(const std::string& path, std::int64_t best_step, std::int64_t step) {
  const auto stored = io::File::open(path).dataset("/state/step").read<std::int64_t>().front();
  if (stored == best_step || stored > step) return "";
  return fmt::format("{} is of step {}, the best model is that of step {}", path, stored,
                     best_step);
}

/// Why a search ends, "" if it goes on, and what best.h5 is renamed to then.
struct Interruption {
  std::string why;
  const char* extension = "old";
};

template <class P>
Interruption interruption_of(const TrainingState<P>& state, BestMetric metric,
                             const std::string& checkpoint, const Settings& now,
                             const std::string& best, const Communicator& communicator) {
  const auto metric_before = static_cast<BestMetric>(state.best_metric);
  if (metric_before != metric)
    return {fmt::format("the best model was chosen by {}, from here on by {}",
                        name_of(metric_before), name_of(metric))};
  const std::string difference = difference_of_measures(trained_settings(checkpoint), now, metric);
  if (!difference.empty())
    return {"validations cannot be compared with earlier ones: " + difference};
  if (state.best_step == 0) return {};
  if (!root_says(communicator, [&] { return io::file_exists(best); }))
    return {fmt::format("{} is missing, the model of step {}", best, state.best_step)};
  const std::string damage = io::check_checkpoint(best, communicator);
  if (!damage.empty()) return {damage, "damaged"};
  return {communicator.broadcast(  // the root alone reads the file that it may rename
      communicator.is_root() ? objection_to_best(best, state.best_step, state.step) : "")};
}

}  // namespace

template <class P>
void continue_search(TrainingState<P>& state, BestMetric metric, const std::string& checkpoint,
                     const Settings& now, const CheckpointFolder& folder,
                     const Communicator& communicator) {
  const std::string best = folder.best_path();
  const bool began = state.best_step > 0 || state.validations_without_gain > 0;
  const bool takes_steps = state.step < now.optim.steps;
  if (began && takes_steps) {
    if (!root_says(communicator, [&] { return lies_in(checkpoint, folder.path()); })) {
      state.forget_best();
      log::line("best     the search for the best model begins anew in " + folder.path());
    } else if (const Interruption found =
                   interruption_of(state, metric, checkpoint, now, best, communicator);
               !found.why.empty()) {
      state.forget_best();
      std::string kept;
      if (communicator.is_root() && io::file_exists(best))
        kept = fmt::format("; {} is kept as {}", best, io::set_aside(best, found.extension));
      log::warning(found.why + "; the search for the best model begins anew" + kept);
    }
  }
  state.best_metric = static_cast<std::int64_t>(metric);
}

#define JESPR_INSTANTIATE(P)                                                          \
  template void continue_search<P>(TrainingState<P>&, BestMetric, const std::string&, \
                                   const Settings&, const CheckpointFolder&, const Communicator&);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr
