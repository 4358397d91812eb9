// Sets of validation chains.
#include "driver/validation_sets.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"

namespace jespr {

template <class P>
ValidationSets<P>::ValidationSets(const Settings& settings, const data::Dataset& dataset,
                                  const data::LabelClasses& classes,
                                  const Communicator& communicator)
    : settings_(settings), classes_(classes), communicator_(communicator) {
  Set first;
  first.validation = std::make_unique<Validation<P>>(
      settings, dataset, classes, dataset.chains_of(data::Split::validation), communicator);
  sets_.push_back(std::move(first));
  if (settings.validate.every == 0) return;
  for (const std::string& path : settings.validate.datasets) add(path);
}

template <class P>
void ValidationSets<P>::add(const std::string& path) {
  Set set;
  set.name = name_of_set(path);
  set.dataset = std::make_unique<data::Dataset>(data::Dataset::open(path, communicator_));
  if (settings_.model.loss.is_joint())
    data::require_structures(
        *set.dataset, "&validate datasets beside &loss kind = '" + settings_.model.loss.kind + "'");
  std::vector<std::int64_t> chains = set.dataset->chains_of(data::Split::validation);
  const bool all = chains.empty();
  for (std::int64_t i = 0; all && i < set.dataset->chains(); ++i) chains.push_back(i);
  set.validation =
      std::make_unique<Validation<P>>(settings_, *set.dataset, classes_, chains, communicator_);
  if (!set.validation->exists())
    fail(Exit::data, fmt::format("{}: &validate datasets: {} chains to validate on; two are needed",
                                 path, chains.size()));
  log::line(fmt::format("validate {}: {} {}", path, chains.size(),
                        all ? "chains, as none is of the validation split" : "validation chains"));
  sets_.push_back(std::move(set));
}

template <class P>
std::int64_t ValidationSets<P>::most_rows(std::int64_t shards) const {
  std::int64_t most = 0;
  for (const Set& set : sets_)
    if (settings_.validate.every > 0 && set.validation->exists())
      most = std::max(most, set.validation->most_rows(shards));
  return most;
}

template <class P>
std::int64_t ValidationSets<P>::most_in_gallery() const {
  std::int64_t most = 0;
  if (!settings_.model.loss.is_joint()) return most;
  for (const Set& set : sets_)
    if (settings_.validate.every > 0 && set.validation->exists())
      most = std::max<std::int64_t>(most, set.validation->chains());
  return most;
}

template <class P>
void ValidationSets<P>::open_tables(const std::string& folder, std::int64_t last_step,
                                    bool writes) {
  folder_ = folder;
  writes_ = writes;
  for (Set& set : sets_)
    set.table = std::make_unique<Table<ValidationRow>>(
        folder + "/" + set.file_name("validation") + ".csv", last_step, writes, classes_.levels(),
        settings_.validate.retrieval.recall);
}

template <class P>
std::vector<ValidationTable> ValidationSets<P>::tables() const {
  std::vector<ValidationTable> tables;
  for (const Set& set : sets_) tables.push_back({set.file_name("validation"), set.table.get()});
  return tables;
}

template <class P>
std::optional<ValidationRow> ValidationSets<P>::run(TrainingStep<P>& step,
                                                    std::int64_t steps_done) {
  std::optional<ValidationRow> first;
  for (Set& set : sets_) {
    if (!set.validation->exists()) continue;
    const ValidationRow row = set.validation->run(step, steps_done);
    if (set.name.empty())
      first = row;
    else
      record(set, row);
  }
  return first;
}

template <class P>
void ValidationSets<P>::record(Set& set, const ValidationRow& row) {
  set.table->append(row);
  const std::string name = set.name.empty() ? "" : set.name + ": ";
  log::line(name + set.validation->describe(row));
  const std::string collapse = set.validation->warning(static_cast<std::int64_t>(row.step));
  if (!collapse.empty() && !set.collapsed) log::warning(name + collapse);
  set.collapsed = !collapse.empty();
  const auto& worst = set.validation->worst();
  if (worst.empty()) return;
  log::line("    worst: " + describe(worst, set.validation->chains()));
  if (writes_)
    write_worst_pairs(folder_ + "/" + set.file_name("worst_pairs") + ".tsv",
                      static_cast<std::int64_t>(row.step), worst);
}

template class ValidationSets<F32>;
template class ValidationSets<F64>;

}  // namespace jespr
