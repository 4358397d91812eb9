// task = 'train'.
#include "driver/train.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include "backend/session.hpp"
#include "base/log.hpp"
#include "data/dataset.hpp"
#include "data/loader.hpp"
#include "data/protein_reader.hpp"
#include "driver/best_model.hpp"
#include "driver/best_restart.hpp"
#include "driver/checkpoints.hpp"
#include "driver/class_report.hpp"
#include "driver/history.hpp"
#include "driver/initial_weights.hpp"
#include "driver/layer_statistics.hpp"
#include "driver/restart.hpp"
#include "driver/run_log.hpp"
#include "driver/shard_choice.hpp"
#include "driver/stop_request.hpp"
#include "driver/training_data.hpp"
#include "driver/training_state.hpp"
#include "driver/training_step.hpp"
#include "driver/validation_sets.hpp"
#include "io/checkpoint.hpp"
#include "tensor/profiling.hpp"

namespace jespr {
namespace {

constexpr std::size_t log_bytes_kept = 1 << 18;  // in a checkpoint
constexpr double work_of_a_step = 3;  // forward 1, backward 2: no recomputation is counted

std::string folder_of(const Settings& settings, const DeckText& deck, bool dry_run) {
  const std::string folder = deck.folder_of_run(settings.run.output, settings.run.name);
  return dry_run ? folder + "/dry_run" : folder;
}

std::string describe_crops(const data::DataSettings& data) {
  if (data.sequence_crops == 0) return "";
  return fmt::format(", {} crop{} of each sequence,", data.sequence_crops,
                     data.sequence_crops == 1 ? "" : "s");
}

template <class P>
class Training {
 public:
  Training(const Settings& settings, const DeckText& deck, const Communicator& communicator,
           bool dry_run)
      : settings_(settings),
        deck_(deck),
        communicator_(communicator),
        dry_run_(dry_run),
        folder_(folder_of(settings, deck, dry_run)),
        checkpoints_(folder_, settings.checkpoint.keep),
        stop_(settings.run, communicator.is_root() ? stop_file() : "") {}

  Exit run() {
    open_folder();
    open_data();
    build_model();
    restore();
    open_history();
    log_plan();
    const Exit exit = loop();
    log::line("");
    log_memory();
    log_times(communicator_, step_->timers(), timer_.seconds());
    log::line("");
    log::line(
        fmt::format("{}: {} in {}. history.csv, history.h5, checkpoints and "
                    "deck.processed in {}",
                    exit == Exit::ok ? "done" : "stopped, restartable",
                    format_count(state_.step, "step"), format_duration(timer_.seconds()), folder_));
    return exit;
  }

 private:
  // --- before the first step ---

  void open_folder() {
    check_ranks(settings_, deck_, communicator_.size());
    const std::string objection =
        communicator_.broadcast(communicator_.is_root() ? objection_to_stop_file(stop_file()) : "");
    if (!objection.empty()) fail(Exit::deck, objection);
    if (!dry_run_) restart_from_ = find_restart(settings_.checkpoint, checkpoints_, communicator_);
    if (restart_from_.empty()) check_initial_weights(settings_.model, communicator_);
    if (dry_run_ && communicator_.is_root()) checkpoints_.remove_results();  // of an earlier one
    if (communicator_.is_root()) checkpoints_.remove_unfinished();
    open_log(folder_, deck_, communicator_);
  }

  void open_data() {
    dataset_ =
        std::make_unique<data::Dataset>(data::Dataset::open(settings_.data.dataset, communicator_));
    batches_ = training_batches(settings_, deck_, *dataset_);
    classes_ = training_classes(settings_, *dataset_);
    chain_classes_ = classes_.of(*dataset_);
    settings_.model.classes.sizes = classes_.sizes();
    validation_ =
        std::make_unique<ValidationSets<P>>(settings_, *dataset_, classes_, communicator_);
    memory_plan_ = set_shards<P>(settings_, deck_, restart_from_, *batches_, *validation_,
                                 data::reader_of(*dataset_), communicator_);
    if (!memory_plan_.empty()) {
      batches_ = training_batches(settings_, deck_, *dataset_);
      deck_.processed = processed_deck(settings_);
    }
    require_judges(settings_.validate, dataset_->path(), validation_->first().chains());
    metric_ = best_metric(settings_.validate, settings_.model.loss.is_joint(),
                          validation_->first().compares_equal_lengths());
  }

  void build_model() {
    const auto library = choose_library<P>(settings_.run.matrix_library, restart_from_);
    step_ = std::make_unique<TrainingStep<P>>(settings_, communicator_, library);
    state_.store = &step_->store();
    state_.optimizer = &step_->optimizer();
    state_.seed = settings_.run.seed;
    state_.shards = settings_.batch.shards;
    state_.proteins = settings_.batch.proteins;
    state_.dataset = static_cast<std::int64_t>(dataset_->fingerprint());
    state_.matrix_library = static_cast<std::int64_t>(library);
    state_.operands = static_cast<std::int64_t>(settings_.run.operands());
    state_.form = form_of(settings_.model);
    state_.labels = classes_.hash();
    state_.best_metric = static_cast<std::int64_t>(metric_);
  }

  void restore() {
    if (restart_from_.empty()) {
      initial_weights_ = take_initial_weights(step_->store(), settings_.model);
      return;
    }
    require_same_classes(restart_from_, classes_, deck_, dataset_->path());
    initial_weights_ = initial_weights_of(restart_from_);
    restore_state(restart_from_, state_, deck_, dataset_->path());
    step_->store().mark_updated();
    continue_search(state_, metric_, restart_from_, settings_, checkpoints_, communicator_);
  }

  void open_history() {
    const bool writes = communicator_.is_root();
    history_ = std::make_unique<Table<HistoryRow>>(folder_ + "/history.csv", state_.step, writes,
                                                   classes_.levels());
    validation_->open_tables(folder_, state_.step, writes);
    statistics_ = std::make_unique<LayerStatistics>(
        folder_ + "/statistics.csv", settings_.run.statistics_every, state_.step, writes);
    if (writes && !is_complete())  // what no step will use does not replace what one used
      io::write_text_file(folder_ + "/deck.processed", deck_.processed);
  }

  void log_plan() {
    rate_ = communicator_.sum(log_product_rate(communicator_, step_->products(), settings_.run));
    const auto& sampler = batches_->sampler();
    const auto& coverage = sampler.coverage();
    log::line(
        fmt::format("data     {}: {} training chains in {} clusters, {} validation, {} "
                    "residues",
                    settings_.data.dataset, coverage.chains, coverage.clusters,
                    validation_->first().chains(), dataset_->residues()));
    log::line(
        fmt::format("         an epoch is {} and places {} chains; {} wait for the "
                    "next, each comes at least every {} epochs",
                    format_count(sampler.steps_per_epoch(), "step"), coverage.placed,
                    coverage.waiting_crowded + coverage.waiting_rest, coverage.longest_interval));
    log::line(fmt::format("model    {} parameters; parameters, gradients and moments {} per rank",
                          step_->store().count(), format_bytes(step_->parameter_bytes())));
    log_parameter_table(step_->store());
    if (classes_.exist()) log::line("classes  " + describe_classes(classes_));
    log::line(fmt::format(
        "batch    {} proteins{} in {} ({} per rank), cost balance {:.3f}; {} reduction{}",
        settings_.batch.proteins, describe_crops(settings_.data),
        format_count(settings_.batch.shards, "shard"),
        settings_.batch.shards / communicator_.size(), batches_->worst_imbalance(0),
        settings_.batch.reduction,
        settings_.batch.exact() ? ": same bits on any power of two of ranks" : ""));
    if (!memory_plan_.empty()) log::line(memory_plan_);
    log::line("deck     " + deck_.name + ", every parameter in " + folder_ + "/deck.processed");
    log::line("stop     to end it with a checkpoint: touch " + stop_file());
    if (communicator_.is_root() && io::file_exists(stop_file()))
      log::warning(stop_file() + " is there already: it ends the run after its first step");
    if (const auto left = stop_.seconds_of_job())
      log::line(fmt::format("         the job ends in {}; {} s before, at the latest, the run does",
                            format_duration(*left), settings_.run.job_end_margin));
    const std::string idle = warning_of_patience(settings_.validate, settings_.optim.steps);
    if (!idle.empty()) log::warning(idle);
    if (!restart_from_.empty())
      log::line(fmt::format("restart  from {} at step {}", restart_from_, state_.step));
  }

  // --- the run ---

  std::int64_t last_step() const { return dry_run_ ? 1 : settings_.optim.steps; }

  std::string stop_file() const {
    return settings_.run.stop_file.empty() ? folder_ + "/stop" : settings_.run.stop_file;
  }

  bool ends_early() const { return is_out_of_patience(state_, settings_.validate); }

  bool is_complete() const { return state_.step >= last_step() || ends_early(); }

  Exit loop() {
    const std::int64_t last = last_step();
    const ShardRange own = shards_of_rank(settings_, communicator_);
    data::Loader loader(
        [&](std::int64_t step) {
          data::StepRows rows = batches_->assemble(step, own.begin, own.end);
          if (classes_.exist())
            for (data::ShardRows& shard : rows.shards) chain_classes_.add_to(shard);
          return rows;
        },
        state_.step, last);
    IntervalLog interval(state_.step, last);
    bool is_first = true;
    std::int64_t saved_at = restart_from_.empty() ? -1 : state_.step;
    while (!is_complete()) {
      const Timer step_timer;
      const data::StepRows rows = loader.next();
      step_->timers().add("loader wait", loader.wait_seconds());
      const bool watched = statistics_->due(state_.step + 1);
      if (watched) step_->context().observer = statistics_->observer();
      const StepReport report =
          step_->take(state_.step, rows.shards, layout_of(rows, communicator_), stop_.flags());
      ++state_.step;
      if (watched) {
        step_->context().observer = nullptr;
        statistics_->write(state_.step, step_->store(), communicator_);
      }
      const HistoryRow measured = record(report, step_timer.seconds(), loader.wait_seconds());
      interval.add(measured);
      interval.progress(measured);
      if (is_first) {  // only now memory is known
        reserve_memory(rows);
        log_memory();
        interval.header();
        is_first = false;
      }
      stop_when_diverged(report);

      const bool stopping = report.loss.requested_flags != StopRequest::none;
      const bool at_end = state_.step == last;
      if (state_.step % settings_.run.log_every == 0 || at_end || stopping) interval.line();
      if (validation_due(at_end)) validate();
      const bool complete = is_complete();
      if (state_.step % settings_.checkpoint.every == 0 || complete || stopping) {
        save(checkpoints_.path_of(state_.step));
        saved_at = state_.step;
      }
      if (stopping && !complete) return stop(report.loss.requested_flags);
    }
    if (ends_early())
      log::line(fmt::format(
          "the run ends early: {} validation{} without a better {} (validate."
          "patience); the best model is that of step {}",
          state_.validations_without_gain, state_.validations_without_gain == 1 ? "" : "s",
          name_of(metric_), state_.best_step));
    if (saved_at != state_.step) save(checkpoints_.path_of(state_.step));
    return Exit::ok;
  }

  Exit stop(int flags) {
    log::line(
        fmt::format("stopping after step {}: {} asked for it", state_.step, reason_of(flags)));
    if (communicator_.is_root() && (flags & StopRequest::stop_file) != 0)
      remove_stop_file(stop_file());
    return Exit::stopped;
  }

  bool validation_due(bool at_end) const {
    const std::int64_t every = settings_.validate.every;
    return validation_->exist() && (dry_run_ || every > 0) && (at_end || state_.step % every == 0);
  }

  HistoryRow record(const StepReport& report, double seconds, double waited) {
    HistoryRow row;
    row.step = static_cast<double>(state_.step);
    row.epoch = row.step / static_cast<double>(batches_->sampler().steps_per_epoch());
    row.loss = report.loss.loss;
    row.accuracy_sequence_to_structure = report.loss.accuracy_sequence_to_structure;
    row.accuracy_structure_to_sequence = report.loss.accuracy_structure_to_sequence;
    row.logit_scale = report.logit_scale;
    row.learning_rate = report.learning_rate;
    row.gradient_norm = report.update.gradient_norm;
    row.skipped = report.update.applied ? 0 : 1;
    const bool speaks = settings_.model.loss.has_language();
    constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
    row.language_loss = speaks ? report.loss.language_loss : nothing;
    row.language_accuracy = speaks ? report.loss.language_accuracy : nothing;
    row.classes = class_columns(step_->model().classes, report.classes);
    row.seconds = seconds;
    std::vector<double> work = {report.work.sequence.residues,
                                work_of_a_step * report.work.operations()};
    communicator_.sum(std::span<double>(work));
    row.proteins_per_second = static_cast<double>(settings_.batch.proteins) / seconds;
    row.residues_per_second = work[0] / seconds;
    row.gflops = work[1] / seconds * 1e-9;
    row.fraction_of_peak = work[1] / seconds / rate_;
    row.loader_wait_fraction = waited / seconds;
    history_->append(row);
    return row;
  }

  /// From here on a step of this epoch allocates nothing: memory is linear in the rows of the
  /// shards that are held at a time. A limit of memory holds for what is reserved, too.
  void reserve_memory(const data::StepRows& first) {
    double all = 0, largest = 0;
    for (const data::ShardRows& shard : first.shards) {
      const auto rows =
          static_cast<double>(shard.sequence.tokens.size() + shard.structure.confidence.size());
      all += rows;
      largest = std::max(largest, rows);
    }
    const double most =
        static_cast<double>(batches_->most_rows(batches_->sampler().position(first.step).epoch));
    constexpr double rounding = 1.01;  // of sizes, upwards
    double factor = rounding * (settings_.batch.recompute
                                    ? most / largest
                                    : most * static_cast<double>(first.shards.size()) / all);
    // Where encoders have other shares in the rows than here, so many rows may need less.
    if (const double limit = settings_.batch.memory_limit(); limit > 0)
      factor =
          std::min(factor, (limit - step_->parameter_bytes()) /
                               (rounding * (step_->activation_bytes() + step_->scratch_bytes())));
    step_->reserve(std::max(factor, 1.0));
  }

  void log_memory() {
    log::line(fmt::format("memory   activations {}, scratch {}, resident {} on this rank",
                          format_bytes(step_->activation_bytes()),
                          format_bytes(step_->scratch_bytes()), format_bytes(peak_memory_bytes())));
  }

  void stop_when_diverged(const StepReport& report) {
    if (report.update.applied) return;
    log::warning(
        fmt::format("step {}: loss {}, gradient norm {}: not finite, the step is skipped "
                    "({} in a row)",
                    state_.step, report.loss.loss, report.update.gradient_norm,
                    step_->optimizer().skipped_in_a_row()));
    if (step_->optimizer().skipped_in_a_row() < settings_.optim.largest_skipped) return;
    if (communicator_.is_root()) write_history();
    fail(Exit::runtime,
         fmt::format("{} steps in a row were not finite (optim.largest_skipped), the last with "
                     "learning rate {:.3e} and logit scale {:.3g}; {}. Lower optim.lr_peak, "
                     "lengthen the warm-up or set optim.clip_norm, and restart from the last "
                     "checkpoint in {}",
                     settings_.optim.largest_skipped, report.learning_rate, report.logit_scale,
                     step_->diagnosis(), folder_));
  }

  void validate() {
    Adam<P>& optimizer = step_->optimizer();
    const bool averaged = optimizer.keeps_average() && settings_.optim.ema_validate;
    if (averaged) optimizer.swap_average();
    std::optional<ValidationRow> row = validation_->run(*step_, state_.step);
    if (averaged) optimizer.swap_average();
    if (!row) return;
    judge(state_, metric_, state_.step, *row);
    validation_->record(*row);
    if (row->best > 0) save(checkpoints_.best_path());
  }

  /// The newest part of the log, which only the root has.
  std::string log_on_all_ranks() const {
    return communicator_.broadcast(log::newest_text(log_bytes_kept));
  }

  void save(const std::string& path) {
    const Timed timed(&step_->timers(), "checkpoints");
    const Region region("checkpoint");
    const Timer timer;
    io::Information information = {
        {"deck", deck_.processed}, {"time", time_stamp()},
        {"host", host_name()},     {"precision", settings_.run.precision},
        {"build", build_line()},   {"log", log_on_all_ranks()}};
    if (classes_.exist()) information["classes"] = classes_.text();
    if (!initial_weights_.empty()) information[initial_weights_name] = initial_weights_;
    io::write_checkpoint(path, communicator_, state_, information);
    if (communicator_.is_root()) {
      checkpoints_.prune(state_.step);
      write_history();
      log::line(fmt::format("checkpoint {}  {}, {:.2f} s, verified", path,
                            format_bytes(static_cast<double>(io::file_bytes(path))),
                            timer.seconds()));
    }
  }

  void write_history() const {
    write_history_file(folder_ + "/history.h5", *history_, validation_->tables(), deck_.processed);
  }

  Settings settings_;  // with the shards that a limit of memory asks for
  DeckText deck_;      // the same
  const Communicator& communicator_;
  const bool dry_run_;
  const std::string folder_;
  const CheckpointFolder checkpoints_;
  StopRequest stop_;
  const Timer timer_;
  std::string restart_from_;
  std::string initial_weights_;  // where they came from; empty: all drawn by seed
  std::string memory_plan_;      // for the log; empty without a limit
  double rate_ = 1;              // of products on all ranks together, operations per second
  std::unique_ptr<data::Dataset> dataset_;
  std::unique_ptr<data::TrainingBatches> batches_;
  data::LabelClasses classes_;
  data::ChainClasses chain_classes_;  // of the dataset
  std::unique_ptr<ValidationSets<P>> validation_;
  BestMetric metric_ = BestMetric::loss;
  std::unique_ptr<TrainingStep<P>> step_;
  TrainingState<P> state_;
  std::unique_ptr<Table<HistoryRow>> history_;
  std::unique_ptr<LayerStatistics> statistics_;
};

}  // namespace

Exit train(const Settings& settings, const DeckText& deck, const Communicator& communicator,
           bool dry_run) {
  if (settings.run.precision == F64::name)
    return Training<F64>(settings, deck, communicator, dry_run).run();
  return Training<F32>(settings, deck, communicator, dry_run).run();
}

}  // namespace jespr
