// Every loss over a global batch: against values that tests/run/loss_values.py computes with the
// papers' formulas in f64, its gradients by differences, and the same bits as one rank computes
// alone.
#include "model/joint_loss.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"
#include "support/recorded_losses.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

const std::vector<int> proteins_of_shard = {3, 1, 4, 2};
constexpr std::size_t batch = 10, columns = 8;
constexpr int crops = 3;

const std::vector<std::string> joint_kinds = {"clip",     "siglip",        "vicreg",
                                              "distance", "clip_of_crops", "siglip_of_crops"};

bool is_of_crops(const std::string& kind) { return kind.ends_with("_of_crops"); }
const Numbers& sequences_of(const std::string& kind) {
  return recorded_losses().at(is_of_crops(kind) ? "crops" : "x");
}

/// The numbers of tests/run/loss_values.py.
LossSettings settings_of(const std::string& kind) {
  LossSettings settings;
  settings.kind = kind.substr(0, kind.find('_'));
  settings.initial_temperature = 0.5;
  settings.initial_bias = -1;
  settings.invariance_weight = 25;
  settings.variance_weight = 20;
  settings.covariance_weight = 3;
  settings.alignment_weight = 1.5;
  settings.uniformity_weight = 0.75;
  settings.uniformity_sharpness = 2;
  return settings;
}

struct Outcome {
  LossResult loss;
  Numbers dx, dy, dlogit_scale, dlogit_bias;  // of the local rows and shards
};

/// This rank's part of the work of `communicator` on rows x [B, J] or [3 B, J], y [B, J].
template <class P>
Outcome evaluate(const std::string& kind, const Communicator& communicator, const Numbers& x,
                 const Numbers& y, bool differentiate = true, int flags = 0) {
  using Real = typename P::Real;
  Bench bench;
  ParameterStore<P> store;
  const auto loss = JointLoss<P>::add(store, settings_of(kind));
  store.freeze();
  store.initialize(1);
  BatchLayout layout;
  layout.proteins_of_shard = proteins_of_shard;
  layout.local_shards = layout.shards() / communicator.size();
  layout.first_local = layout.local_shards * communicator.rank();
  layout.sequences_of_protein = is_of_crops(kind) ? crops : 1;
  const auto upload = [&](const Numbers& all, const RowLayout& cut) {
    const auto begin = all.begin() + cut.first_local_row() * static_cast<int>(columns);
    const auto local = static_cast<std::size_t>(cut.local_rows());
    const Matrix<Real> rows = bench.inputs.matrix<Real>(local, columns);
    to_device(rows, std::vector<Real>(begin, begin + static_cast<int>(local * columns)));
    return rows;
  };
  const Matrix<Real> local_x = upload(x, layout.sequences());
  const Matrix<Real> local_y = upload(y, layout.structures());
  const Guarded<Real> dx(local_x.size()), dy(local_y.size());
  LossGradients<P> gradients{
      dx.matrix(local_x.extent(0), columns), dy.matrix(local_y.extent(0), columns), {}, {}};
  Outcome outcome;
  outcome.loss = loss.evaluate(bench.context, communicator, layout, local_x, local_y,
                               differentiate ? &gradients : nullptr, flags);
  EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
  outcome.dx = dx.host();
  outcome.dy = dy.host();
  outcome.dlogit_scale = gradients.dlogit_scale;
  outcome.dlogit_bias = gradients.dlogit_bias;
  return outcome;
}

template <class P>
Outcome evaluate(const std::string& kind, const Communicator& communicator) {
  return evaluate<P>(kind, communicator, sequences_of(kind), recorded_losses().at("y"));
}

/// Sum over shards, or 0 of a loss without that parameter.
Numbers total(const Numbers& shards) {
  double sum = 0;
  for (const double value : shards) sum += value;
  return {sum};
}

template <class P>
void check_values(const std::string& kind, double tolerance) {
  const Outcome alone = evaluate<P>(kind, Communicator::self());
  const auto wanted = [&](const char* name) { return recorded_losses().at(kind + "." + name); };
  const auto close = [&](const Numbers& found, const char* name) {
    expect_close(found, wanted(name), tolerance, kind + " " + name);
  };
  close({alone.loss.loss}, "loss");
  close(alone.dx, "dx");
  close(alone.dy, "dy");
  close(total(alone.dlogit_scale), "dlogit_scale");
  if (kind.starts_with("siglip")) close(total(alone.dlogit_bias), "dlogit_bias");
  expect_close(
      {alone.loss.accuracy_sequence_to_structure, alone.loss.accuracy_structure_to_sequence},
      wanted("accuracy"), 1e-12, kind + " accuracy");
}

TEST(JointLoss, EqualsTheRecordedValues) {
  for (const std::string& kind : joint_kinds) {
    const std::size_t terms = sequences_of(kind).size() * batch;
    check_values<F64>(kind, rounding<double>(terms));
    check_values<F32>(kind, rounding<float>(terms));
  }
}

TEST(JointLoss, GradientsByDifferences) {
  const Numbers& y = recorded_losses().at("y");
  for (const std::string& kind : joint_kinds) {
    const Numbers& x = sequences_of(kind);
    const Outcome alone = evaluate<F64>(kind, Communicator::self());
    const auto loss = [&](const Numbers& a, const Numbers& b) {
      return evaluate<F64>(kind, Communicator::self(), a, b, false).loss.loss;
    };
    const double magnitude = std::abs(alone.loss.loss), step = 1.0 / 512;
    expect_gradient(
        kind + " sequence", [&](const Numbers& v) { return loss(v, y); }, x, alone.dx, magnitude,
        step);
    expect_gradient(
        kind + " structure", [&](const Numbers& v) { return loss(x, v); }, y, alone.dy, magnitude,
        step);
  }
}

template <class P>
void check_ranks(const std::string& kind) {
  const Communicator world = Communicator::world();
  const Outcome alone = evaluate<P>(kind, Communicator::self());
  const Outcome together = evaluate<P>(kind, world);
  EXPECT_EQ(together.loss.loss, alone.loss.loss) << kind;
  EXPECT_EQ(together.loss.accuracy_sequence_to_structure,
            alone.loss.accuracy_sequence_to_structure);
  EXPECT_EQ(together.loss.accuracy_structure_to_sequence,
            alone.loss.accuracy_structure_to_sequence);
  const auto gathered = [&](const Numbers& mine) {
    return world.all_gather(std::span<const double>(mine));
  };
  EXPECT_EQ(gathered(together.dx), alone.dx) << kind;
  EXPECT_EQ(gathered(together.dy), alone.dy) << kind;
  EXPECT_EQ(gathered(together.dlogit_scale), alone.dlogit_scale) << kind;
  EXPECT_EQ(gathered(together.dlogit_bias), alone.dlogit_bias) << kind;
}

TEST(JointLoss, SameBitsOnAnyNumberOfRanks) {
  for (const std::string& kind : joint_kinds) {
    check_ranks<F32>(kind);
    check_ranks<F64>(kind);
  }
}

/// Three crops that are all alike: a structure's log-sum-exp has three times each term, so that
/// clip's loss is larger by log(3) / 2; every structure is pulled as by one crop, every crop by a
/// third.
TEST(JointLoss, CropsThatAreAlikeAreOneSequence) {
  const Numbers& x = recorded_losses().at("x");
  const Numbers& y = recorded_losses().at("y");
  Numbers alike;
  for (std::size_t i = 0; i < batch; ++i)
    for (int crop = 0; crop < crops; ++crop)
      alike.insert(alike.end(), x.begin() + static_cast<std::ptrdiff_t>(i * columns),
                   x.begin() + static_cast<std::ptrdiff_t>((i + 1) * columns));
  const double tolerance = rounding<double>(alike.size() * batch);
  for (const std::string kind : {"clip", "siglip"}) {
    const Outcome one = evaluate<F64>(kind, Communicator::self());
    const Outcome three = evaluate<F64>(kind + "_of_crops", Communicator::self(), alike, y);
    const double more = kind == "clip" ? std::log(double(crops)) / 2 : 0;
    EXPECT_NEAR(three.loss.loss, one.loss.loss + more, tolerance * one.loss.loss);
    EXPECT_EQ(three.loss.accuracy_sequence_to_structure, one.loss.accuracy_sequence_to_structure);
    EXPECT_EQ(three.loss.accuracy_structure_to_sequence, one.loss.accuracy_structure_to_sequence);
    expect_close(three.dy, one.dy, tolerance, kind + " structures");
    Numbers sums(batch * columns, 0);
    for (std::size_t row = 0; row < batch * crops; ++row)
      for (std::size_t c = 0; c < columns; ++c)
        sums[row / crops * columns + c] += three.dx[row * columns + c];
    expect_close(sums, one.dx, tolerance, kind + " sequences");
  }
}

TEST(JointLoss, RequestsOfAnyRankReachAll) {
  const Communicator world = Communicator::world();
  const int mine = world.rank() == world.size() - 1 ? 4 : 1;
  for (const std::string& kind : objectives)
    EXPECT_EQ(evaluate<F64>(kind, world, recorded_losses().at("x"), recorded_losses().at("y"),
                            false, mine)
                  .loss.requested_flags,
              world.size() == 1 ? 4 : 5)
        << kind;
}

}  // namespace
