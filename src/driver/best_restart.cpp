// The search for the best model over a restart.
#include "driver/best_restart.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <system_error>  // for error_code
#include <utility>
#include <vector>

#include "base/log.hpp"
#include "deck/values.hpp"
#include "driver/restart.hpp"
#include "io/checkpoint.hpp"

namespace jespr {
namespace {

using Values = std::vector<std::pair<std::string, std::string>>;  // "&group name", value

/// What values of the loss depend on beyond what no restart may change.
void add_loss(Values& measure, const ModelSettings& model) {
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

Values measure_of(const Settings& settings, BestMetric metric) {
  const bool averaged = settings.optim.ema_decay > 0 && settings.optim.ema_validate;
  Values measure = {{"what is validated", averaged ? "averaged weights" : "the last weights"}};
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

/// "&optim lr_peak was 0.001, is 0.0001; ...": what differs in two lists of the same parameters.
std::string difference_of(const Values& before, const Values& now) {
  std::string text;
  for (std::size_t i = 0; i < before.size(); ++i)
    if (before[i] != now[i])
      text += fmt::format("{}{} was {}, is {}", text.empty() ? "" : "; ", before[i].first,
                          before[i].second, now[i].second);
  return text;
}

/// Why validations by `metric` under two decks cannot be compared, "" if they can.
std::string difference_of_measures(const Settings& before, const Settings& now, BestMetric metric) {
  const std::string text = difference_of(measure_of(before, metric), measure_of(now, metric));
  return text.empty() ? "" : "validations cannot be compared with earlier ones: " + text;
}

/// `before` with all that leaves the steps of a run and their validations what they are as `now`
/// has it: places, logging, memory, and what a restart has compared already.
Settings deciding_alone(Settings before, const Settings& now) {
  before.run = now.run;
  before.checkpoint = now.checkpoint;
  before.data.dataset = now.data.dataset;
  before.batch.recompute = now.batch.recompute;
  before.batch.recompute_blocks = now.batch.recompute_blocks;
  before.batch.recompute_messages = now.batch.recompute_messages;
  before.batch.max_memory_gb = now.batch.max_memory_gb;
  before.model.sequence.weights = now.model.sequence.weights;
  before.model.structure.weights = now.model.structure.weights;
  before.model.joint.weights = now.model.joint.weights;
  before.optim.largest_skipped = now.optim.largest_skipped;
  if (now.optim.schedule != "cosine") before.optim.steps = now.optim.steps;
  const std::int64_t patience = before.validate.patience;
  before.validate = now.validate;
  const bool is_hastier = patience == 0 || now.validate.patience < patience;
  if (now.validate.patience > 0 && is_hastier) before.validate.patience = patience;
  return before;
}

Values parameters_of(Settings settings) {
  deck::Schema schema;
  declare(schema, settings);
  Values parameters;
  for (const deck::Group& group : schema.groups())
    for (const deck::Parameter& parameter : group.parameters())
      parameters.emplace_back("&" + group.name() + " " + parameter.name(),
                              deck::to_string(parameter.value()));
  return parameters;
}

/// Why a run under the deck `now` does not come by the model of `step`, as one under `before` did,
/// or passes it without a validation; "" if it does.
std::string way_around(std::int64_t step, const Settings& before, const Settings& now) {
  const std::string difference =
      difference_of(parameters_of(deciding_alone(before, now)), parameters_of(now));
  if (!difference.empty()) return difference;
  const std::int64_t steps = now.optim.steps;
  if (step == steps || (step < steps && step % now.validate.every == 0)) return "";
  return fmt::format("it validates every {} steps up to step {}", now.validate.every, steps);
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

/// Why best.h5 is not the best model of `state`, "" if it is. One that is newer than the checkpoint
/// is, if the steps that wrote it are now taken again.
template <class P>
std::string objection_to_best(const std::string& path, const TrainingState<P>& state,
                              BestMetric metric, const Settings& now) {
  const Settings before = trained_settings(path);
  const std::string difference = difference_of_measures(before, now, metric);
  if (!difference.empty()) return difference;
  const io::File file = io::File::open(path);
  const auto number = [&file](const char* name) {
    return file.dataset(name).read<std::int64_t>().front();
  };
  const std::int64_t step = number("/state/step");
  if (step == state.best_step) return "";
  if (step <= state.step)
    return fmt::format("{} is of step {}, the best model is that of step {}", path, step,
                       state.best_step);
  std::string around = way_around(step, before, now);
  if (number("/state/matrix_library") != state.matrix_library)
    around = "another library multiplies matrices, with other bits";
  if (around.empty()) return "";
  return fmt::format(
      "{} is of step {}, later than the checkpoint, and this run does not come by it "
      "again: {}",
      path, step, around);
}

/// Why a search ends, "" if it goes on, and what best.h5 is renamed to then.
struct Interruption {
  std::string why;
  const char* extension = "old";
};

/// Why earlier validations say nothing about those to come.
template <class P>
Interruption change_of_measure(const TrainingState<P>& state, BestMetric metric,
                               const std::string& checkpoint, const Settings& now) {
  const auto metric_before = static_cast<BestMetric>(state.best_metric);
  if (metric_before != metric)
    return {fmt::format("the best model was chosen by {}, from here on by {}",
                        name_of(metric_before), name_of(metric))};
  return {difference_of_measures(trained_settings(checkpoint), now, metric)};
}

/// Why the best model that the state tells of is not in the file `best`.
template <class P>
Interruption loss_of_best(const TrainingState<P>& state, BestMetric metric, const Settings& now,
                          const std::string& best, const Communicator& communicator) {
  if (state.best_step == 0) return {};
  if (!root_says(communicator, [&] { return io::file_exists(best); }))
    return {fmt::format("{} is missing, the model of step {}", best, state.best_step)};
  const std::string damage = io::check_checkpoint(best, communicator);
  if (!damage.empty()) return {damage, "damaged"};
  return {communicator.broadcast(  // the root alone reads the file that it may rename
      communicator.is_root() ? objection_to_best(best, state, metric, now) : "")};
}

template <class P>
void begin_anew(TrainingState<P>& state, const Interruption& found, const std::string& best,
                const Communicator& communicator) {
  state.forget_best();
  std::string kept;
  if (communicator.is_root() && io::file_exists(best))
    kept = fmt::format("; {} is kept as {}", best, io::set_aside(best, found.extension));
  log::warning(found.why + "; the search for the best model begins anew" + kept);
}

/// In the folder that the checkpoint lies in. A run that patience has ended stays so, whatever has
/// become of its best model: it was not asked to take more steps.
template <class P>
void continue_in_folder(TrainingState<P>& state, BestMetric metric, const std::string& checkpoint,
                        const Settings& now, const std::string& best,
                        const Communicator& communicator) {
  const Interruption change = change_of_measure(state, metric, checkpoint, now);
  if (!change.why.empty()) return begin_anew(state, change, best, communicator);
  const Interruption loss = loss_of_best(state, metric, now, best, communicator);
  if (loss.why.empty()) return;
  if (!is_out_of_patience(state, now.validate)) return begin_anew(state, loss, best, communicator);
  log::warning(loss.why +
               "; validate.patience has ended this run, which stays complete: raise that to go on");
}

}  // namespace

template <class P>
void continue_search(TrainingState<P>& state, BestMetric metric, const std::string& checkpoint,
                     const Settings& now, const CheckpointFolder& folder,
                     const Communicator& communicator) {
  if (now.validate.every == 0) return;  // nothing is judged: the search waits
  const bool began = state.best_step > 0 || state.validations_without_gain > 0;
  const bool takes_steps = state.step < now.optim.steps;
  if (began && takes_steps) {
    if (root_says(communicator, [&] { return lies_in(checkpoint, folder.path()); })) {
      continue_in_folder(state, metric, checkpoint, now, folder.best_path(), communicator);
    } else {
      state.forget_best();
      log::line("best     the search for the best model begins anew in " + folder.path());
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
