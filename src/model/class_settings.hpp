// What a deck says about the classes of proteins that a model is to tell apart: group &classes.
#pragma once

#include <string>
#include <vector>

#include "deck/schema.hpp"
#include "model/loss.hpp"

namespace jespr {

/// Levels of a label that can have heads; ECOD and SCOP 2 have 5, CATH 9 with its clusters.
inline constexpr std::size_t most_class_levels = 10;

struct ClassSettings {
  std::string label;                           // column of the dataset; empty: no classes
  std::vector<double> weights = {1, 1, 1, 1};  // of the levels from the top; 0: no head
  /// Classes of each level that has a head: not of the deck, but found in the dataset.
  std::vector<int> sizes = {};

  /// The levels that have heads, counted from 1.
  std::vector<int> levels() const;
  /// Their weights.
  std::vector<double> level_weights() const;
};

/// The loss has a say in whether there may be classes, or must be.
void declare(deck::Schema& schema, ClassSettings& settings, const LossSettings& loss);

}  // namespace jespr
