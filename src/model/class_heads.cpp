// ClassHeads.
#include "model/class_heads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/loss_tiles.hpp"

namespace jespr {

double ClassSums::mean_loss() const { return 0.5 * (sequence.mean_loss() + structure.mean_loss()); }

ClassSums& operator+=(ClassSums& sum, const ClassSums& more) {
  sum.sequence += more.sequence;
  sum.structure += more.structure;
  return sum;
}

ClassLevelSums& operator+=(ClassLevelSums& sum, const ClassLevelSums& more) {
  for (std::size_t l = 0; l < sum.level.size(); ++l) sum.level[l] += more.level[l];
  return sum;
}

template <class P>
ClassHeads<P> ClassHeads<P>::add(ParameterStore<P>& store, const ClassSettings& settings,
                                 int width) {
  ClassHeads all;
  if (settings.sizes.empty()) return all;
  all.weights = settings.level_weights();
  const std::vector<int> levels = settings.levels();
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const std::string name = fmt::format("class_heads.{}", levels[l]);
    SoftmaxHead<P> head;
    head.scale = std::sqrt(static_cast<double>(width));
    head.table =
        Weight<P>(store.add(name + ".weight", {settings.sizes[l], width}, Init::constant(0)));
    head.bias = Weight<P>(store.add(name + ".bias", {settings.sizes[l]}, Init::constant(0)));
    all.heads.push_back(head);
  }
  return all;
}

template <class P>
ClassLevelSums ClassHeads<P>::sums_of(const Saved& sequence, const Saved& structure) {
  ClassLevelSums sums;
  for (std::size_t l = 0; l < sums.level.size(); ++l) {
    sums.level[l].sequence = sequence.level[l].sums;
    sums.level[l].structure = structure.level[l].sums;
  }
  return sums;
}

template <class P>
void ClassHeads<P>::forward(Context& context, Matrix<Real> rows, std::span<const int> classes,
                            Saved& saved) const {
  Scope scope(context.scratch);
  const UnroundedProducts unrounded(context.products);
  const std::size_t all = rows.extent(0);
  const std::size_t proteins = classes.empty() ? all : classes.size() / heads.size();
  saved.rows_of_protein = proteins > 0 ? static_cast<int>(all / proteins) : 1;
  const auto of_row = context.scratch.host_array<int>(heads.size() * all);
  for (std::size_t l = 0; l < heads.size(); ++l) {
    const std::span<int> targets = of_row.subspan(l * all, all);
    for (std::size_t i = 0; i < all; ++i)
      targets[i] = classes.empty() ? -1 : classes[l * proteins + i / (all / proteins)];
    heads[l].forward(context, rows, targets, saved.level[l]);
  }
}

template <class P>
void ClassHeads<P>::backward(Context& context, const Saved& saved, std::span<const double> factors,
                             Matrix<Real> drows) const {
  const UnroundedProducts unrounded(context.products);
  for (std::size_t l = 0; l < heads.size(); ++l)
    heads[l].backward(context, saved.level[l],
                      static_cast<Real>(factors[l] / saved.rows_of_protein), drows, Real(1));
}

template <class P>
double ClassHeads<P>::level_loss(std::size_t level, const ClassSums& sums) const {
  return sums.mean_loss() / std::log(static_cast<double>(heads[level].classes()));
}

template <class P>
double ClassHeads<P>::loss(const ClassLevelSums& sums) const {
  double loss = 0;
  for (std::size_t l = 0; l < heads.size(); ++l) loss += weights[l] * level_loss(l, sums.level[l]);
  return loss;
}

template <class P>
std::array<double, most_class_levels> ClassHeads<P>::factors(const ClassLevelSums& sums) const {
  std::array<double, most_class_levels> factors{};
  for (std::size_t l = 0; l < heads.size(); ++l) {
    const double rows = 2 * sums.level[l].structure.rows;
    const double scale = std::log(static_cast<double>(heads[l].classes()));
    factors[l] = rows > 0 ? weights[l] / (scale * rows) : 0;
  }
  return factors;
}

ClassLevelSums sum_over_shards(Workspace& scratch, const Communicator& communicator,
                               const BatchLayout& layout, std::span<const ClassLevelSums> mine) {
  ClassLevelSums all;
  for (const ClassLevelSums& shard : gathered(scratch, communicator, layout, mine)) all += shard;
  return all;
}

template struct ClassHeads<F32>;
template struct ClassHeads<F64>;

}  // namespace jespr
