// Batches of training.
#include "driver/training_data.hpp"

#include <fmt/format.h>

#include <bit>

#include "data/protein_reader.hpp"
#include "deck/nearest.hpp"

namespace jespr {
namespace {

/// Costs of a row and of a pair of rows for the balance of shards, in operations.
data::CostModel cost_model(const ModelSettings& model) {
  const auto cost = [](double one, double many, double rows) {
    const double linear = one;
    return data::Cost{linear, (many - rows * linear) / (rows * rows)};
  };
  constexpr double rows = 100;
  const auto sequence = model.sequence.shape();
  const auto structure = model.structure.shape();
  const double edges = structure.graph.neighbours;
  return {cost(published_operations(sequence, 1, 0),
               published_operations(sequence, rows, rows * rows), rows),
          cost(published_operations(structure, 1, edges, 0),
               published_operations(structure, rows, rows * edges, rows * rows), rows)};
}

std::string no_such_chain(const data::Dataset& dataset, const std::string& name) {
  const std::string near = deck::nearest(name, dataset.names());
  return fmt::format("{}: no chain is called '{}' (&data chains){}; /names in that file lists all",
                     dataset.path(), name, near.empty() ? "" : "; nearest is '" + near + "'");
}

/// The chains named in the deck, or the training split.
std::vector<std::int64_t> chosen_chains(const data::Dataset& dataset,
                                        const std::vector<std::string>& names) {
  if (names.empty()) return dataset.chains_of(data::Split::train);
  std::vector<std::int64_t> chosen;
  for (const std::string& name : names) {
    const std::int64_t index = dataset.find(name);
    if (index < 0) fail(Exit::data, no_such_chain(dataset, name));
    chosen.push_back(index);
  }
  return chosen;
}

std::vector<data::Chain> training_chains(const data::Dataset& dataset,
                                         const std::vector<std::string>& names) {
  std::vector<data::Chain> chains;
  for (const std::int64_t index : chosen_chains(dataset, names))
    chains.push_back({static_cast<int>(index), static_cast<int>(dataset.length(index)),
                      dataset.clusters()[static_cast<std::size_t>(index)]});
  return chains;
}

}  // namespace

void check_ranks(const Settings& settings, const DeckText& deck, int ranks) {
  const auto shards = settings.batch.shards;
  if (shards % ranks != 0)
    fail(Exit::deck, fmt::format("{}: &batch shards = {}: {} ranks cannot share them evenly; "
                                 "choose a multiple of {}, or other ranks",
                                 deck.name, shards, ranks, ranks));
  if (settings.batch.exact() && !std::has_single_bit(static_cast<unsigned>(ranks)))
    fail(Exit::deck, fmt::format("{}: &batch reduction = 'exact' needs a power of two of ranks, "
                                 "not {}; use another number, or reduction = 'fast'",
                                 deck.name, ranks));
}

data::Predicted predicted_by(const LossSettings& loss) {
  if (loss.is_mlm()) return data::Predicted::masked;
  return loss.is_causal() ? data::Predicted::next : data::Predicted::nothing;
}

std::unique_ptr<data::TrainingBatches> training_batches(const Settings& settings,
                                                        const DeckText& deck,
                                                        const data::Dataset& dataset) {
  if (settings.model.loss.is_joint())
    data::require_structures(dataset, "&loss kind = '" + settings.model.loss.kind + "'");
  try {
    return std::make_unique<data::TrainingBatches>(
        training_chains(dataset, settings.data.chains), data::reader_of(dataset), settings.data,
        settings.batch, settings.model.structure.coordinate_noise, cost_model(settings.model),
        static_cast<std::uint64_t>(settings.run.seed), predicted_by(settings.model.loss),
        settings.model.loss.predicted_fraction);
  } catch (const Error& error) {
    if (error.code() != Exit::deck) throw;
    fail(Exit::deck, deck.name + ": " + error.what());
  }
}

data::LabelClasses training_classes(const Settings& settings, const data::Dataset& dataset) {
  const ClassSettings& classes = settings.model.classes;
  if (classes.label.empty()) return {};
  return {classes.label, classes.levels(), data::read_labels(dataset, classes.label),
          chosen_chains(dataset, settings.data.chains), dataset.path()};
}

ShardRange shards_of_rank(const Settings& settings, const Communicator& communicator) {
  const int local = static_cast<int>(settings.batch.shards) / communicator.size();
  return {communicator.rank() * local, (communicator.rank() + 1) * local};
}

BatchLayout layout_of(const data::StepRows& rows, const Communicator& communicator) {
  const int local = static_cast<int>(rows.shards.size());
  return {rows.proteins_of_shard, communicator.rank() * local, local, rows.sequences_of_protein};
}

}  // namespace jespr
