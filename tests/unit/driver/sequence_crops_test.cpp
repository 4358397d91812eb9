// A step with several crops of each sequence: its gradient by differences through the whole model,
// recomputed or not; whatever shards the batch is cut into; what it counts as work.
#include <gtest/gtest.h>

#include <memory>

#include "driver/training_step.hpp"
#include "support/arrays.hpp"
#include "support/backbones.hpp"
#include "support/bench.hpp"
#include "support/differences.hpp"
#include "support/small_model.hpp"
#include "unit/data/chains.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

constexpr int proteins = 4, crops = 3;

int length_of(int protein) { return 9 + protein; }

/// Crops that differ in place and length.
data::Windows windows_of(int protein) {
  const int length = length_of(protein);
  data::Windows windows = data::whole_chain(length);
  windows.sequence = {0, length - protein - 1};
  windows.more_sequences = {{protein, length}, {2, 7}};
  return windows;
}

data::Protein protein_of(int number) {
  data::Protein protein = data::made_up_protein(number, length_of(number));
  const Backbone backbone = random_backbone(length_of(number), static_cast<unsigned>(number + 1));
  protein.coordinates.assign(backbone.begin() + numbers_per_row, backbone.end() - numbers_per_row);
  return protein;
}

/// Steps that change nothing, on the four proteins in these shards.
struct Still {
  Settings settings;
  BatchLayout layout;
  std::vector<data::ShardRows> shards;
  const Communicator self = Communicator::self();
  std::unique_ptr<TrainingStep<F64>> step;

  explicit Still(const std::vector<int>& proteins_of_shard, bool recompute = false,
                 double mlm_weight = 0) {
    layout.proteins_of_shard = proteins_of_shard;
    layout.local_shards = layout.shards();
    layout.sequences_of_protein = crops;
    settings.batch.shards = layout.shards();
    settings.batch.recompute = recompute;
    settings.model = small_model(1, 8, 0);
    settings.model.sequence.pooling = settings.model.structure.pooling = "mean";
    settings.model.loss.initial_temperature = 0.5;
    settings.model.loss.mlm_weight = mlm_weight;
    settings.optim.lr_peak = 0;
    data::Augmentation augmentation{.seed = 3};
    if (mlm_weight > 0) augmentation.predicted = data::Predicted::masked;
    augmentation.predicted_fraction = 0.4;
    int protein = 0;
    for (const int count : proteins_of_shard) {
      shards.emplace_back();
      for (int k = 0; k < count; ++k, ++protein)
        data::append_protein(shards.back(), protein, protein_of(protein), windows_of(protein),
                             augmentation);
    }
    step = std::make_unique<TrainingStep<F64>>(settings, self, Products::default_library());
    randomize(step->store(), 1);
  }
  StepReport take() { return step->take(0, shards, layout, 0); }
};

void check_gradient(bool recompute, double mlm_weight) {
  Still run({1, 3}, recompute, mlm_weight);
  const double magnitude = run.take().loss.loss;
  const Numbers start = parameter_values(run.step->store());
  const Numbers gradient = parameter_gradients(run.step->store());
  const auto loss = [&](const Numbers& values) {
    set_parameter_values(run.step->store(), values);
    return run.take().loss.loss;
  };
  expect_gradient("step with crops", loss, start, gradient, magnitude, step_between_kinks);
}

TEST(SequenceCrops, GradientOfAStep) {
  check_gradient(false, 0);
  check_gradient(true, 0);
}

TEST(SequenceCrops, GradientOfAStepThatPredictsResiduesToo) { check_gradient(false, 0.5); }

TEST(SequenceCrops, ShardsChangeTheOrderOfSumsAlone) {
  Still whole({4}), parts({1, 3}), others({3, 1});
  const double loss = whole.take().loss.loss, tolerance = rounding<double>(1000) * loss;
  EXPECT_NEAR(parts.take().loss.loss, loss, tolerance);
  EXPECT_NEAR(others.take().loss.loss, loss, tolerance);
  const Numbers wanted = parameter_gradients(whole.step->store());
  expect_close(parameter_gradients(parts.step->store()), wanted, rounding<double>(1000), "{1, 3}");
  expect_close(parameter_gradients(others.step->store()), wanted, rounding<double>(1000), "{3, 1}");
}

TEST(SequenceCrops, WorkCountsEveryCropAndOneStructure) {
  const ShardWork work = Still({4}).take().work;
  double sequence = 0, pairs = 0, structure = 0;
  for (int protein = 0; protein < proteins; ++protein) {
    const data::Windows windows = windows_of(protein);
    for (int crop = 0; crop < crops; ++crop) {
      const double residues = windows.sequence_crop(crop).length();
      sequence += residues;
      pairs += residues * residues;
    }
    structure += length_of(protein);
  }
  EXPECT_EQ(work.sequence.residues, sequence);
  EXPECT_EQ(work.sequence.pairs, pairs);
  EXPECT_EQ(work.structure.residues, structure);
}

}  // namespace
