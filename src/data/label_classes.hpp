// The classes that a label makes of chains, level by level: class, fold, superfamily and family of
// a.1.1.2. Which classes there are, the chains of training say.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/batch.hpp"
#include "data/dataset.hpp"

namespace jespr::data {

/// The first `level` >= 1 parts of a label, between dots: "2.60.40" of "2.60.40.10" at level 3. Of
/// several labels of a chain ("2.60.40.10;2.60.40.30") what all of them agree in; "" where one has
/// fewer parts or another class. A part that is empty or "-" (of EC numbers) ends a label.
std::string class_name(std::string_view labels, int level);

/// Classes of the chains of a dataset.
struct ChainClasses {
  std::size_t levels = 0;
  std::vector<int> of_chain;  // [chains, levels], -1: unknown

  /// Fills rows.classes, by the identities of the proteins.
  void add_to(ShardRows& rows) const;
};

/// The labels of all chains in that column, in the order of the dataset. Failure: Error (data) for
/// a column that the dataset lacks.
std::vector<std::string> read_labels(const Dataset& dataset, const std::string& column);

/// Whether the dataset has that column.
bool has_labels(const Dataset& dataset, const std::string& column);

class LabelClasses {
 public:
  /// None.
  LabelClasses() = default;
  /// Those of `chains` at each of `levels`, sorted by name. Failure: Error (data), that begins with
  /// `place`, where no chain has a label, or a level less than two classes.
  LabelClasses(std::string column, std::vector<int> levels, std::span<const std::string> labels,
               std::span<const std::int64_t> chains, const std::string& place);

  bool exist() const { return !levels_.empty(); }
  const std::string& column() const { return column_; }
  const std::vector<int>& levels() const { return levels_; }
  /// Names of the classes of a level, by its place in levels().
  const std::vector<std::string>& names(std::size_t l) const { return names_[l]; }
  /// How many classes each level has.
  std::vector<int> sizes() const;
  /// Of the chains that they come from, those whose class is known, at each level.
  const std::vector<std::int64_t>& known() const { return known_; }

  /// Classes of chains with these labels; -1 where those of training have no such class.
  ChainClasses of(std::span<const std::string> labels) const;
  /// Of a dataset's chains; all unknown where it lacks the column.
  ChainClasses of(const Dataset& dataset) const;

  /// A line for each class, "LEVEL NAME": what a checkpoint tells of its heads' rows.
  std::string text() const;
  /// Hash of that and of the classes of the chains that they come from; 0 of none.
  std::int64_t hash() const { return hash_; }

 private:
  std::string column_;
  std::vector<int> levels_;
  std::vector<std::vector<std::string>> names_;  // of each level
  std::vector<std::int64_t> known_;
  std::int64_t hash_ = 0;
};

}  // namespace jespr::data
