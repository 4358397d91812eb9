// ClassHeads: the classes of proteins at the levels of a label, told from the joint space.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "backend/communicator.hpp"
#include "model/class_settings.hpp"
#include "model/loss.hpp"
#include "model/softmax_head.hpp"

namespace jespr {

/// What is known of a level's predictions from the rows of either modality.
struct ClassSums {
  PredictionSums sequence, structure;

  /// Half the mean of -log p over the rows of each.
  double mean_loss() const;
};
ClassSums& operator+=(ClassSums& sum, const ClassSums& more);

/// Of all levels that have heads; those of the others stay 0.
struct ClassLevelSums {
  std::array<ClassSums, most_class_levels> level;
};
ClassLevelSums& operator+=(ClassLevelSums& sum, const ClassLevelSums& more);

/// One linear softmax per level, which both modalities share, so that what is alike in the joint
/// space is of one class. It reads the rows of length 1 that the joint loss and every search see,
/// times sqrt(J): with logits of rows of length 1 the cross entropy could not fall far (Wang et al.
/// 2017, arXiv:1704.06369), and so the numbers of a row have a mean square of 1. Weights start at
/// 0, where the loss of each level is 1:
///   L_l = 1 / (2 n log A) sum_i (-log p(c_i | x_i) - log p(c_i | y_i)),
/// over the n proteins of the global batch whose class at this level is known; 0 where there are
/// none. Of K crops of a protein's sequence each is told, and counts 1/K.
template <class P>
struct ClassHeads {
  using Real = typename P::Real;

  std::vector<SoftmaxHead<P>> heads;  // of the levels; none: no classes
  std::vector<double> weights;

  struct Saved {
    std::array<typename SoftmaxHead<P>::Saved, most_class_levels> level;
    int rows_of_protein = 1;  // K
  };
  /// Of a forward pass over the rows of each modality.
  static ClassLevelSums sums_of(const Saved& sequence, const Saved& structure);

  /// class_heads.LEVEL.weight [A, J] and .bias [A], LEVEL counted from 1; nothing where the
  /// settings have no sizes.
  static ClassHeads add(ParameterStore<P>& store, const ClassSettings& settings, int width);

  bool exists() const { return !heads.empty(); }
  /// Rows of one modality [K B, J], those of a protein side by side; classes [levels, B]: -1
  /// unknown, empty: all are. Sums go to `saved`.
  void forward(Context& context, Matrix<Real> rows, std::span<const int> classes,
               Saved& saved) const;
  /// Of factors[l] times the sum over proteins of losses of each level: added to drows [K B, J] and
  /// to the parameter gradients.
  void backward(Context& context, const Saved& saved, std::span<const double> factors,
                Matrix<Real> drows) const;

  /// L_l of such sums.
  double level_loss(std::size_t level, const ClassSums& sums) const;
  /// Weighted sum over levels.
  double loss(const ClassLevelSums& sums) const;
  /// What its derivative multiplies the loss of a protein with, in one modality.
  std::array<double, most_class_levels> factors(const ClassLevelSums& sums) const;
};

/// Over the global batch, in the order of shards; `mine` [local shards]. Collective.
ClassLevelSums sum_over_shards(Workspace& scratch, const Communicator& communicator,
                               const BatchLayout& layout, std::span<const ClassLevelSums> mine);

}  // namespace jespr
