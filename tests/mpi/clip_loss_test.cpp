// The symmetric InfoNCE loss over all ranks: against the matrix of logits, its gradients by
// differences, and the same bits as one rank computes alone.
#include "model/clip_loss.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "support/arrays.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

const std::vector<int> proteins_of_shard = {3, 1, 4, 2};
constexpr std::size_t batch = 10, joint = 8;

/// Loss of the rows x, y [B, J] and the logit scale t, from the whole matrix of logits.
double reference(const std::vector<double>& x, const std::vector<double>& y, double t) {
  double loss = 0;
  for (std::size_t i = 0; i < batch; ++i) {
    double row = 0, column = 0, diagonal = 0;
    for (std::size_t j = 0; j < batch; ++j) {
      double forward = 0, backward = 0;
      for (std::size_t k = 0; k < joint; ++k) {
        forward += std::exp(t) * x[i * joint + k] * y[j * joint + k];
        backward += std::exp(t) * x[j * joint + k] * y[i * joint + k];
      }
      row += std::exp(forward);
      column += std::exp(backward);
      if (i == j) diagonal = forward;
    }
    loss += (std::log(row) + std::log(column) - 2 * diagonal) / (2.0 * batch);
  }
  return loss;
}

/// The rows of the two modalities [B, J]: partners are alike, but not so much that each finds its
/// own.
std::vector<double> sequence_rows() { return random_numbers(batch * joint, 1, 0.5); }
std::vector<double> structure_rows() {
  std::vector<double> rows = random_numbers(batch * joint, 2, 0.5);
  const std::vector<double> partners = sequence_rows();
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] += 0.25 * partners[i];
  return rows;
}

/// Share of the rows i of x whose best row of y is row i.
double accuracy(const std::vector<double>& x, const std::vector<double>& y) {
  int right = 0;
  for (std::size_t i = 0; i < batch; ++i) {
    std::vector<double> scores(batch, 0);
    for (std::size_t j = 0; j < batch; ++j)
      for (std::size_t k = 0; k < joint; ++k) scores[j] += x[i * joint + k] * y[j * joint + k];
    right += std::max_element(scores.begin(), scores.end()) - scores.begin() ==
             static_cast<std::ptrdiff_t>(i);
  }
  return right / static_cast<double>(batch);
}

struct Outcome {
  LossResult loss;
  std::vector<double> dx, dy, dlogit_scale;  // of the local shards
};

/// This rank's part of the work of `communicator`.
template <class P>
Outcome evaluate(const Communicator& communicator, int flags = 0) {
  using Real = typename P::Real;
  Bench bench;
  ParameterStore<P> store;
  const auto loss = ClipLoss<P>::add(store, {});
  store.freeze();
  store.initialize(1);
  BatchLayout layout;
  layout.proteins_of_shard = proteins_of_shard;
  layout.local_shards = layout.shards() / communicator.size();
  layout.first_local = layout.local_shards * communicator.rank();
  const auto begin = static_cast<std::ptrdiff_t>(layout.start_of(layout.first_local)) *
                     static_cast<std::ptrdiff_t>(joint);
  const auto local = static_cast<std::size_t>(layout.local_proteins());
  const auto upload = [&](const std::vector<double>& all) {
    const Matrix<Real> rows = bench.inputs.matrix<Real>(local, joint);
    to_device(rows,
              std::vector<Real>(all.begin() + begin,
                                all.begin() + begin + static_cast<std::ptrdiff_t>(local * joint)));
    return rows;
  };
  const Guarded<Real> dx(local * joint), dy(local * joint);
  typename ClipLoss<P>::Gradients gradients{
      dx.matrix(local, joint), dy.matrix(local, joint), {}, {}};
  Outcome outcome;
  outcome.loss = loss.evaluate(bench.context, communicator, layout, upload(sequence_rows()),
                               upload(structure_rows()), &gradients, flags);
  EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
  outcome.dx = dx.host();
  outcome.dy = dy.host();
  outcome.dlogit_scale = gradients.dlogit_scale;
  return outcome;
}

TEST(ClipLoss, EqualsTheMatrixOfLogits) {
  const Outcome alone = evaluate<F64>(Communicator::self());
  const std::vector<double> x = sequence_rows(), y = structure_rows();
  const double t = static_cast<double>(static_cast<float>(std::log(1 / 0.07)));
  EXPECT_NEAR(alone.loss.loss, reference(x, y, t), rounding<double>(batch * joint) * std::exp(t));
  EXPECT_NEAR(alone.loss.loss,
              0.5 * (alone.loss.sequence_to_structure + alone.loss.structure_to_sequence), 1e-15);
  const double forward = accuracy(x, y), backward = accuracy(y, x);
  EXPECT_DOUBLE_EQ(alone.loss.accuracy_sequence_to_structure, forward);
  EXPECT_DOUBLE_EQ(alone.loss.accuracy_structure_to_sequence, backward);
  EXPECT_TRUE(forward != backward && forward > 0 && forward < 1) << "numbers that can show it";
  const double magnitude = std::exp(t);
  expect_gradient(
      "sequence", [&](const std::vector<double>& v) { return reference(v, y, t); }, x, alone.dx,
      magnitude, 1.0 / 512);
  expect_gradient(
      "structure", [&](const std::vector<double>& v) { return reference(x, v, t); }, y, alone.dy,
      magnitude, 1.0 / 512);
  double dscale = 0;
  for (double value : alone.dlogit_scale) dscale += value;
  expect_gradient(
      "logit scale", [&](const std::vector<double>& v) { return reference(x, y, v[0]); }, {t},
      {dscale}, magnitude);
}

template <class P>
void check_ranks() {
  const Communicator world = Communicator::world();
  const Outcome alone = evaluate<P>(Communicator::self()), together = evaluate<P>(world);
  EXPECT_EQ(together.loss.loss, alone.loss.loss);
  EXPECT_EQ(together.loss.sequence_to_structure, alone.loss.sequence_to_structure);
  EXPECT_EQ(together.loss.accuracy_sequence_to_structure,
            alone.loss.accuracy_sequence_to_structure);
  EXPECT_EQ(together.loss.accuracy_structure_to_sequence,
            alone.loss.accuracy_structure_to_sequence);
  const auto gathered = [&](const std::vector<double>& mine) {
    return world.all_gather(std::span<const double>(mine));
  };
  EXPECT_EQ(gathered(together.dx), alone.dx);
  EXPECT_EQ(gathered(together.dy), alone.dy);
  EXPECT_EQ(gathered(together.dlogit_scale), alone.dlogit_scale);
}

TEST(ClipLoss, SameBitsOnAnyNumberOfRanks) {
  check_ranks<F32>();
  check_ranks<F64>();
}

TEST(ClipLoss, RequestsOfAnyRankReachAll) {
  const Communicator world = Communicator::world();
  const int mine = world.rank() == world.size() - 1 ? 4 : 1;
  EXPECT_EQ(evaluate<F64>(world, mine).loss.requested_flags, world.size() == 1 ? 4 : 5);
}

}  // namespace
