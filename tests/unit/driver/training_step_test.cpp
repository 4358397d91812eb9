// TrainingStep: the clamp of the logit scale acts on updates alone; dropout knows the whole seed.
#include "driver/training_step.hpp"

#include <gtest/gtest.h>

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

  explicit SmallRun(std::int64_t seed, double dropout = 0) {
    settings.run.seed = seed;
    settings.batch.shards = 1;
    settings.model = small_model(1, 8, dropout);
    for (int identity = 0; identity < layout.proteins(); ++identity)
      data::append_protein(shards[0], identity, data::made_up_protein(identity, 9 + identity),
                           data::whole_chain(9 + identity));
    step = std::make_unique<TrainingStep<F32>>(settings, self, Products::default_library());
  }
  StepReport take(std::int64_t number = 0) { return step->take(number, shards, layout, 0); }

  Vector<float> logit_scale() { return step->model().loss.logit_scale->value; }
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
