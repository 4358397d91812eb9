// task = 'evaluate'.
#include "driver/evaluate.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/log.hpp"
#include "base/timer.hpp"
#include "data/dataset.hpp"
#include "data/protein_reader.hpp"
#include "driver/embedding.hpp"
#include "driver/evaluation_report.hpp"
#include "driver/initial_weights.hpp"
#include "driver/restart.hpp"
#include "driver/results.hpp"
#include "driver/run_log.hpp"
#include "io/checkpoint.hpp"
#include "io/files.hpp"

namespace jespr {
namespace {

/// Of a checkpoint's state what the model is made of.
template <class P>
struct TrainedWeights {
  ParameterStore<P>& store;
  bool averaged = false;
  std::int64_t step = 0, seed = 0;

  template <class Visitor>
  void state(Visitor& visitor) {
    visitor.number("step", step);
    visitor.number("seed", seed);
    const std::string group = averaged ? "average/" : "parameters/";
    for (auto& p : store.parameters()) visitor.tensor(group + p.name, p.shape, p.value);
  }
};

std::vector<data::Chain> chains_of(const data::Dataset& dataset, const std::string& split) {
  std::vector<data::Chain> chains;
  for (std::int64_t index = 0; index < dataset.chains(); ++index)
    if (split == "all" ||
        dataset.splits()[static_cast<std::size_t>(index)] == data::split_of(split))
      chains.push_back({static_cast<int>(index), static_cast<int>(dataset.length(index))});
  return chains;
}

Gallery<float> in_f32(const Gallery<float>& gallery) { return gallery; }
Gallery<float> in_f32(const Gallery<double>& gallery) {
  return {gallery.width,
          {gallery.sequence.begin(), gallery.sequence.end()},
          {gallery.structure.begin(), gallery.structure.end()},
          {gallery.sequence_pooled.begin(), gallery.sequence_pooled.end()},
          {gallery.structure_pooled.begin(), gallery.structure_pooled.end()},
          gallery.sequence_residues,
          gallery.structure_residues};
}

/// One gallery of the evaluation while it is being measured.
struct Measured {
  std::vector<data::Chain> chains;
  GalleryEvaluation result;
};

template <class P>
class Evaluation {
 public:
  Evaluation(const Settings& settings, const DeckText& deck, const Communicator& communicator,
             const Settings& trained)
      : settings_(settings),
        options_(settings.evaluate),
        trained_(trained.model),
        deck_(deck),
        communicator_(communicator),
        dataset_(data::Dataset::open(settings.data.dataset, communicator)),
        products_(choose_library<P>(settings.run.matrix_library, settings.evaluate.checkpoint),
                  trained.run.operands()),
        model_(JointModel<P>::add(store_, trained.model)) {
    store_.freeze();
    store_.keep_copies_by(products_);
    choose_galleries();
  }

  void run() {
    open_log(options_.output_folder(), deck_, communicator_);
    log::line("deck     " + deck_.name + ", every parameter in " + options_.output_folder() +
              "/log.txt");
    TrainedWeights<P> weights{store_, averaged()};
    io::read_checkpoint(options_.checkpoint, weights);
    store_.mark_updated();
    log::line(fmt::format("model    {}, step {}{}; products by {}", options_.checkpoint,
                          weights.step, averaged() ? ", averaged weights" : "",
                          products_.describe()));
    log::line(
        fmt::format("data     {}: {} chains of split '{}', {} of them with at least {} residues",
                    dataset_.path(), galleries_.front().chains.size(), options_.split,
                    galleries_.size() > 1 ? galleries_.back().chains.size() : 0,
                    options_.retrieval.equal_length));
    if (!trained_.loss.is_joint())
      log::warning("&loss kind = '" + trained_.loss.kind +
                   "' trained the sequence encoder alone: retrieval is that of heads that were "
                   "never trained. Residues are judged in validations (&validate datasets)");
    for (Measured& gallery : galleries_) measure_model("trained", gallery);
    if (options_.untrained) {
      store_.initialize(static_cast<std::uint64_t>(weights.seed));
      take_initial_weights(store_, trained_);
      store_.mark_updated();
      for (Measured& gallery : galleries_) measure_model("untrained", gallery);
    }
    for (Measured& gallery : galleries_) add_yardsticks(gallery.result);
    report(weights.step);
  }

 private:
  bool averaged() const { return options_.weights == "averaged"; }

  void choose_galleries() {
    data::require_structures(dataset_, "&run task = 'evaluate'");
    add_gallery("whole", chains_of(dataset_, options_.split), 0);
    const auto kept = static_cast<int>(options_.retrieval.equal_length);
    if (galleries_.front().chains.size() < 2)
      fail(Exit::data,
           fmt::format("{}: {} chains of split '{}'; retrieval needs at least 2", dataset_.path(),
                       galleries_.front().chains.size(), options_.split));
    if (kept == 0) return;
    std::vector<data::Chain> long_chains;
    for (const data::Chain& chain : galleries_.front().chains)
      if (chain.length >= kept) long_chains.push_back(chain);
    if (long_chains.size() > 1)
      add_gallery("equal_length", std::move(long_chains), kept);
    else
      log::warning(
          fmt::format("fewer than 2 chains have {} residues: no gallery of equal lengths", kept));
  }

  void add_gallery(const char* name, std::vector<data::Chain> chains, int kept) {
    Measured gallery;
    gallery.result.name = name;
    gallery.result.kept_residues = kept;
    for (const data::Chain& chain : chains) {
      gallery.result.chains.push_back(dataset_.names()[static_cast<std::size_t>(chain.identity)]);
      gallery.result.lengths.push_back(chain.length);
    }
    gallery.chains = std::move(chains);
    galleries_.push_back(std::move(gallery));
  }

  RetrievalReport report_of(const PartnerRanks& ranks) const {
    return report_retrieval(ranks, options_.retrieval.recall,
                            static_cast<int>(options_.retrieval.bootstrap),
                            static_cast<std::uint64_t>(settings_.run.seed));
  }

  void measure_model(const char* name, Measured& gallery) {
    const Timer timer;
    const auto embeddings =
        embed_chains(context_, communicator_, model_, std::span<const data::Chain>(gallery.chains),
                     data::reader_of(dataset_), gallery.result.kept_residues, options_.pooled_rows);
    const double seconds = timer.seconds();
    RankingMethod method;
    method.name = name;
    method.ranks = rank_gallery(context_, communicator_, embeddings);
    method.report = report_of(method.ranks);
    method.sphere = measure_sphere(context_, communicator_, embeddings);
    method.embeddings = in_f32(embeddings);
    log::line(fmt::format("{} encoders: {} chains embedded in {:.1f} s, measured in {:.1f} s", name,
                          gallery.chains.size(), seconds, timer.seconds() - seconds));
    gallery.result.methods.push_back(std::move(method));
  }

  /// What needs no model: a ranker by the lengths that the encoders were shown, and chance.
  void add_yardsticks(GalleryEvaluation& gallery) const {
    const Gallery<float>& shown = gallery.methods.front().embeddings;
    RankingMethod length;
    length.name = "length_only";
    length.ranks = rank_by_length(shown.sequence_residues, shown.structure_residues);
    length.report = report_of(length.ranks);
    RankingMethod chance;
    chance.name = "chance";
    chance.report = chance_retrieval(shown.proteins(), options_.retrieval.recall);
    gallery.methods.push_back(std::move(length));
    gallery.methods.push_back(std::move(chance));
  }

  void report(std::int64_t step) const {
    std::vector<GalleryEvaluation> results;
    for (const Measured& gallery : galleries_) {
      results.push_back(gallery.result);
      log::line("");
      for (const std::string& line : evaluation_table(gallery.result)) log::line(line);
    }
    if (!communicator_.is_root()) return;
    const EvaluationSource source{
        options_.checkpoint,          dataset_.path(),    options_.split, step,
        options_.retrieval.bootstrap, settings_.run.seed, deck_.processed};
    const std::string folder = options_.output_folder();
    write_evaluation_file(folder + "/evaluation.h5", source, results);
    io::write_text_file(folder + "/evaluation.json", evaluation_json(source, results));
    log::line("");
    log::line(fmt::format("done: evaluation.json and evaluation.h5 in {}", folder));
  }

  const Settings& settings_;
  const EvaluateSettings& options_;
  const ModelSettings& trained_;
  const DeckText& deck_;
  const Communicator& communicator_;
  data::Dataset dataset_;
  Workspace saved_{"saved"}, scratch_{"scratch"};
  Products products_;
  Context context_{saved_, scratch_, products_};
  ParameterStore<P> store_;
  JointModel<P> model_;
  std::vector<Measured> galleries_;
};

/// Refuses to replace results, and a checkpoint that is not sound. The same on all ranks.
void check_files(const EvaluateSettings& options, const Communicator& communicator) {
  const std::string folder = options.output_folder();
  keep_results("evaluate", {folder + "/evaluation.h5", folder + "/evaluation.json"},
               options.overwrite, communicator);
  const std::string problem = io::check_checkpoint(options.checkpoint, communicator);
  if (!problem.empty()) fail(Exit::data, problem);
}

}  // namespace

void evaluate(const Settings& settings, const DeckText& deck, const Communicator& communicator) {
  check_files(settings.evaluate, communicator);
  const Settings trained = trained_settings(settings.evaluate.checkpoint);
  if (settings.evaluate.weights == "averaged" && trained.optim.ema_decay == 0)
    fail(Exit::deck, fmt::format("{}: &evaluate weights = 'averaged', but {} was trained without "
                                 "&optim ema_decay; use 'last'",
                                 deck.name, settings.evaluate.checkpoint));
  if (settings.evaluate.untrained)
    check_initial_weights(
        trained.model, communicator,
        " (training started from them; &evaluate untrained = .false. does without "
        "a measure of that model)");
  if (trained.run.precision == F64::name)
    Evaluation<F64>(settings, deck, communicator, trained).run();
  else
    Evaluation<F32>(settings, deck, communicator, trained).run();
}

}  // namespace jespr
