// What is told of the class heads: in histories, in the log, and when a run goes on.
#pragma once

#include <string>
#include <vector>

#include "data/label_classes.hpp"
#include "driver/history.hpp"
#include "driver/settings.hpp"
#include "model/class_heads.hpp"

namespace jespr {

/// The columns of a history for each level.
template <class P>
std::vector<ClassColumns> class_columns(const ClassHeads<P>& heads, const ClassLevelSums& sums);

/// Running sums of such columns, each weighed by its proteins, and the means of the sums.
void add_weighed(std::vector<ClassColumns>& sums, const std::vector<ClassColumns>& more);
std::vector<ClassColumns> weighed_means(std::vector<ClassColumns> sums);

/// "0.843 and 52.1 %, 0.910 and 31.0 %": loss and the mean accuracy of both modalities, level by
/// level; "" without levels.
std::string describe_means(const std::vector<ClassColumns>& columns);
/// "level 1 61.2 and 60.1 % of 432, ...": accuracies of the modalities and the number of proteins.
std::string describe_accuracies(const std::vector<int>& levels,
                                const std::vector<ClassColumns>& columns);
/// The line of a run's plan: classes and the training chains in them.
std::string describe_classes(const data::LabelClasses& classes);

/// A checkpoint must have been trained with the same classes, and the same chains in them: Error
/// (deck, data).
void require_same_classes(const std::string& checkpoint, const data::LabelClasses& classes,
                          const DeckText& deck, const std::string& dataset);

}  // namespace jespr
