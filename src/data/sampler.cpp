// Sampler.
#include "data/sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "data/draw.hpp"

namespace jespr::data {

Sampler::Sampler(std::vector<Chain> chains, std::uint64_t seed, int proteins, bool one_per_cluster)
    : chains_(std::move(chains)), seed_(seed), proteins_(proteins) {
  for (const Chain& chain : chains_)
    if (chain.length < 1)
      fail(Exit::data, fmt::format("chain {} of the dataset has no residues", chain.identity));
  group_by_cluster(one_per_cluster);

  steps_ = most_steps();
  if (steps_ == 0)
    fail(Exit::deck,
         fmt::format("&batch proteins = {}: there are only {} chains in {} clusters to make a "
                     "batch of; ask for fewer{}",
                     proteins_, chains_.size(), clusters_.size(),
                     chains_.size() >= static_cast<std::size_t>(proteins_)
                         ? ", or set &data one_per_cluster = .false."
                         : ""));
  for (const Cluster& cluster : clusters_)
    if (!cluster.crowded(steps_))
      for (int i = cluster.begin; i < cluster.end; ++i) others_.push_back(i);
  PhiloxStream draws(seed_, "sampler others");
  shuffle(others_, draws);
  coverage_ = count();
}

/// The largest S for which S batches can be made, by bisection: what is possible for S is possible
/// for fewer.
std::int64_t Sampler::most_steps() const {
  std::int64_t possible = 0, most = static_cast<std::int64_t>(chains_.size()) / proteins_;
  while (possible < most) {
    const std::int64_t middle = possible + (most - possible + 1) / 2;
    if (placeable(middle) >= middle * proteins_)
      possible = middle;
    else
      most = middle - 1;
  }
  return possible;
}

Coverage Sampler::count() const {
  const std::int64_t placed = steps_ * proteins_, offered = placeable(steps_);
  Coverage coverage{.chains = static_cast<std::int64_t>(chains_.size()),
                    .clusters = static_cast<std::int64_t>(clusters_.size()),
                    .placed = placed,
                    .waiting_crowded = static_cast<std::int64_t>(chains_.size()) - offered,
                    .waiting_rest = offered - placed,
                    .longest_interval = offered > placed ? 2 : 1};
  for (const Cluster& cluster : clusters_)  // one that is not crowded comes every epoch or two
    coverage.longest_interval =
        std::max(coverage.longest_interval, (cluster.members() + steps_ - 1) / steps_);
  return coverage;
}

/// Sorts the chains by cluster, shuffled within each.
void Sampler::group_by_cluster(bool one_per_cluster) {
  PhiloxStream draws(seed_, "sampler members");
  shuffle(chains_, draws);
  if (one_per_cluster)
    std::stable_sort(chains_.begin(), chains_.end(),
                     [](const Chain& a, const Chain& b) { return a.cluster < b.cluster; });
  for (int i = 0; i < static_cast<int>(chains_.size()); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const bool relative = one_per_cluster && i > 0 && chains_[at].cluster >= 0 &&
                          chains_[at].cluster == chains_[at - 1].cluster;
    if (!relative) clusters_.push_back({i, i});
    clusters_.back().end = i + 1;
  }
}

/// How many chains `steps` batches can offer a place if a cluster comes once in a batch.
std::int64_t Sampler::placeable(std::int64_t steps) const {
  std::int64_t sum = 0;
  for (const Cluster& cluster : clusters_) sum += std::min<std::int64_t>(cluster.members(), steps);
  return sum;
}

/// The members of a cluster that take part in an epoch.
std::vector<int> Sampler::chosen(const Cluster& cluster, std::int64_t number,
                                 const std::vector<char>& left_out) const {
  std::vector<int> members;
  if (cluster.crowded(steps_)) {
    const std::int64_t first = number * steps_ % cluster.members();
    for (std::int64_t i = 0; i < steps_; ++i)
      members.push_back(cluster.begin + static_cast<int>((first + i) % cluster.members()));
  } else {
    for (int i = cluster.begin; i < cluster.end; ++i)
      if (!left_out[static_cast<std::size_t>(i)]) members.push_back(i);
  }
  return members;
}

Epoch Sampler::epoch(std::int64_t number) const {
  std::vector<char> left_out(chains_.size(), 0);
  const std::int64_t rest = coverage_.waiting_rest;
  const auto circle = static_cast<std::int64_t>(others_.size());
  for (std::int64_t i = 0; i < rest; ++i) {
    const std::int64_t place = (number * rest + i) % circle;
    left_out[static_cast<std::size_t>(others_[static_cast<std::size_t>(place)])] = 1;
  }

  PhiloxStream draws(seed_, "sampler epoch", static_cast<std::uint64_t>(number));
  std::vector<int> cluster_order(clusters_.size());
  std::iota(cluster_order.begin(), cluster_order.end(), 0);
  shuffle(cluster_order, draws);
  std::vector<std::int64_t> batch_order(static_cast<std::size_t>(steps_));
  std::iota(batch_order.begin(), batch_order.end(), std::int64_t{0});
  shuffle(batch_order, draws);

  Epoch epoch{number, std::vector<Chain>(static_cast<std::size_t>(coverage_.placed))};
  std::int64_t dealt = 0;
  for (const int c : cluster_order) {
    std::vector<int> members = chosen(clusters_[static_cast<std::size_t>(c)], number, left_out);
    shuffle(members, draws);
    for (const int member : members) {
      const std::int64_t batch = batch_order[static_cast<std::size_t>(dealt % steps_)];
      const std::int64_t place = batch * proteins_ + dealt / steps_;
      epoch.chains[static_cast<std::size_t>(place)] = chains_[static_cast<std::size_t>(member)];
      ++dealt;
    }
  }
  return epoch;
}

std::vector<Shard> shards_of(const Sampler& sampler, const Epoch& epoch, std::int64_t index,
                             const CropRule& crop, const CostModel& cost, int shards) {
  const auto proteins = static_cast<std::size_t>(sampler.proteins());
  const std::span<const Chain> batch(
      epoch.chains.data() + static_cast<std::size_t>(index) * proteins, proteins);
  std::vector<std::int64_t> costs;
  for (const Chain& chain : batch)
    costs.push_back(cost.of(crop.draw(epoch.number, chain.identity, chain.length)));
  std::vector<Shard> result;
  for (const auto& part : balance(costs, shards)) {
    result.emplace_back();
    for (const int item : part) result.back().push_back(batch[static_cast<std::size_t>(item)]);
  }
  return result;
}

}  // namespace jespr::data
