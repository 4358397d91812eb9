// All sets of chains that a training run is validated on: the validation split of its dataset,
// which decides what is best, and those of further datasets, which are only recorded.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "driver/history.hpp"
#include "driver/validation.hpp"

namespace jespr {

template <class P>
class ValidationSets {
 public:
  /// Opens the deck's further datasets: sets are named by their files. A set of less than two
  /// chains, or one without structures where the loss is joint: Error (data). `classes`, those of
  /// training, must outlive it. Collective.
  ValidationSets(const Settings& settings, const data::Dataset& dataset,
                 const data::LabelClasses& classes, const Communicator& communicator);

  /// The validation split of the dataset that is trained on.
  const Validation<P>& first() const { return *sets_.front().validation; }
  /// Whether any set has something to be found.
  bool exist() const { return first().exists() || sets_.size() > 1; }

  /// Rows that are in memory at a time, where a batch has `shards` shards, and chains of a gallery:
  /// the most of all sets; 0 where there are no validations, or no galleries.
  std::int64_t most_rows(std::int64_t shards) const;
  std::int64_t most_in_gallery() const;

  /// validation.csv and validation_NAME.csv in `folder`, continued up to `last_step`.
  void open_tables(const std::string& folder, std::int64_t last_step, bool writes);
  /// For history.h5.
  std::vector<ValidationTable> tables() const;

  /// Validates on all sets; further ones are recorded and logged at once, with their worst pairs.
  /// The first one's row, which `record` takes when it is judged; none where that set is empty.
  /// Collective.
  std::optional<ValidationRow> run(TrainingStep<P>& step, std::int64_t steps_done);
  void record(const ValidationRow& row) { record(sets_.front(), row); }

 private:
  struct Set {
    std::string name;  // "" of the first one
    std::unique_ptr<data::Dataset> dataset;
    std::unique_ptr<Validation<P>> validation;
    std::unique_ptr<Table<ValidationRow>> table;
    bool collapsed = false;  // in the last validation: said once, until it recovers

    std::string file_name(const char* stem) const {
      return name.empty() ? stem : stem + ("_" + name);
    }
  };
  void add(const std::string& path);
  void record(Set& set, const ValidationRow& row);

  const Settings& settings_;
  const data::LabelClasses& classes_;
  const Communicator& communicator_;
  std::string folder_;
  bool writes_ = false;
  std::vector<Set> sets_;
};

}  // namespace jespr
