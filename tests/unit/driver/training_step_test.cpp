// TrainingStep: the clamp of the logit scale acts on updates alone; dropout knows the whole seed;
// recomputed blocks change no bits and need less memory.
#include "driver/training_step.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/bench.hpp"
#include "support/small_model.hpp"
#include "unit/data/chains.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

/// A small model that sees the same four proteins in every step.
struct SmallRun {
  Settings settings;
  const Communicator self = Communicator::self();
  std::vector<data::ShardRows> shards{1};
  BatchLayout layout{{4}, 0, 1};
  std::unique_ptr<TrainingStep<F32>> step;

  explicit SmallRun(std::int64_t seed, double dropout = 0, const char* precision = "f32") {
    settings.run.seed = seed;
    settings.run.precision = precision;
    settings.batch.shards = 1;
    settings.model = small_model(1, 8, dropout);
    for (int identity = 0; identity < layout.proteins(); ++identity)
      data::append_protein(shards[0], identity, data::made_up_protein(identity, 9 + identity),
                           data::whole_chain(9 + identity));
    step = std::make_unique<TrainingStep<F32>>(settings, self, Products::default_library());
  }
  StepReport take(std::int64_t number = 0) { return step->take(number, shards, layout, 0); }

  Vector<float> logit_scale() {
    return std::get<ClipLoss<F32>>(step->model().loss.kind).logit_scale.parameter->value;
  }
  void set_logit_scale(float value) { to_device(logit_scale(), std::vector<float>{value}); }
};

TEST(TrainingStep, UpdatesKeepTheLogitScaleAtItsBound) {
  SmallRun run(1);
  run.set_logit_scale(4.9f);  // exp: 134
  EXPECT_TRUE(run.take().update.applied);
  EXPECT_EQ(to_host(run.logit_scale())[0], log_rounded_down<float>(100));
  EXPECT_LE(run.take(1).logit_scale, 100);
}

TEST(TrainingStep, SkippedStepsLeaveTheLogitScaleAlone) {
  SmallRun run(1);
  run.set_logit_scale(4.9f);
  auto& table = run.step->store().parameters().front();
  to_device(table.value, std::vector<float>(table.size, std::numeric_limits<float>::quiet_NaN()));
  EXPECT_FALSE(run.take().update.applied);
  EXPECT_EQ(to_host(run.logit_scale())[0], 4.9f);
}

/// The products of the loss are those whose operands stay as they are: a tile of logits in each
/// direction, again for the gradients, and a product of each with the embeddings.
TEST(TrainingStep, OfBf16RoundsForAllProductsButThoseOfTheLossAndOfWeightsAlone) {
  SmallRun run(1, 0, "bf16");
  std::vector<ProductCall> calls;
  run.step->products().record(&calls);
  run.take();
  run.step->products().record(nullptr);
  const auto unrounded = std::count_if(calls.begin(), calls.end(), [](const ProductCall& call) {
    return call.operands == OperandPrecision::working;
  });
  constexpr int of_loss = 6, of_folded_maps = 8;  // of one message layer, forward and backward
  EXPECT_EQ(unrounded, of_loss + of_folded_maps);
  EXPECT_GT(calls.size(), 20u);
}

/// Weights are rounded once for each update: a step of other weights must not see the old ones.
TEST(TrainingStep, OfBf16SeesTheWeightsOfTheLastUpdate) {
  SmallRun run(1, 0, "bf16"), other(2, 0, "bf16");
  run.take();
  other.take();
  set_parameter_values(other.step->store(), parameter_values(run.step->store()));
  EXPECT_EQ(run.take(1).loss.loss, other.take(1).loss.loss);
}

TEST(TrainingStep, OfBf16AllocatesNothingFromTheSecondStepOn) {
  if constexpr (!device_is_host) GTEST_SKIP() << "cuBLAS rounds operands in memory of its own";
  SmallRun run(1, 0.1, "bf16");
  run.take();
  run.step->reserve(1);
  const double bytes = run.step->products().bytes();
  EXPECT_GT(bytes, 0) << "of weights and operands";
  for (int step = 1; step < 4; ++step) run.take(step);
  EXPECT_EQ(run.step->products().bytes(), bytes);
  run.step->reserve(2);
  EXPECT_GT(run.step->products().bytes(), bytes);
}

/// Four layers of each kind with dropout, all activations kept, or but messages, or one layer's at
/// a time.
TEST(TrainingStep, RecomputationHasTheSameBitsAndLessMemory) {
  Settings settings;
  settings.batch.shards = 1;
  settings.model = small_model(4, 16, 0.2);
  const Communicator self = Communicator::self();
  std::vector<data::ShardRows> shards(1);
  for (int identity = 0; identity < 4; ++identity)
    data::append_protein(shards[0], identity, data::made_up_protein(identity, 30),
                         data::whole_chain(30));
  TrainingStep<F32> kept(settings, self, Products::default_library());
  settings.batch.recompute_messages = true;
  TrainingStep<F32> messages(settings, self, Products::default_library());
  settings.batch.recompute_blocks = true;
  TrainingStep<F32> blocks(settings, self, Products::default_library());
  const BatchLayout layout{{4}, 0, 1};
  for (int step = 0; step < 3; ++step) {
    const double loss = kept.take(step, shards, layout, 0).loss.loss;
    for (TrainingStep<F32>* again : {&messages, &blocks})
      EXPECT_EQ(again->take(step, shards, layout, 0).loss.loss, loss);
  }
  for (TrainingStep<F32>* again : {&messages, &blocks})
    EXPECT_EQ(parameter_values(again->store()), parameter_values(kept.store()));
  EXPECT_LT(messages.activation_bytes(), 0.9 * kept.activation_bytes());
  EXPECT_LT(blocks.activation_bytes(), 0.6 * kept.activation_bytes());
}

/// The loss of one step from the parameters of seed 1.
double loss_of(std::int64_t seed, std::int64_t step, double dropout = 0.3) {
  const SmallRun first(1);
  SmallRun run(seed, dropout);
  set_parameter_values(run.step->store(), parameter_values(first.step->store()));
  return run.take(step).loss.loss;
}

TEST(TrainingStep, DropoutDependsOnTheWholeSeedAndTheStep) {
  const std::int64_t seed = 7, high_half = std::int64_t(1) << 40;
  EXPECT_EQ(loss_of(seed, 3), loss_of(seed, 3));
  EXPECT_NE(loss_of(seed, 3), loss_of(seed, 4));
  EXPECT_NE(loss_of(seed, 3), loss_of(seed + 1, 3));
  EXPECT_NE(loss_of(seed, 3), loss_of(seed + high_half, 3));
  EXPECT_EQ(loss_of(seed, 3, 0), loss_of(seed + high_half, 3, 0)) << "nothing else differs";
}

}  // namespace
