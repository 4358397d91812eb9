// JointModel: gradients of both embeddings by all parameters, and where they come from.
#include "model/joint_model.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/backbones.hpp"
#include "support/layers.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using Numbers = std::vector<double>;

constexpr std::size_t joint = 8;

ModelSettings small_settings(const std::string& mode, const std::string& pooling) {
  ModelSettings settings;
  settings.sequence = {.layers = 1, .width = 8, .heads = 2, .dropout = 0.2, .pooling = pooling};
  StructureSettings& structure = settings.structure;
  structure.mode = mode;
  structure.pooling = pooling;
  structure.node_scalars = 6;
  structure.node_vectors = 3;
  structure.edge_scalars = 4;
  structure.graph_layers = structure.layers = 1;
  structure.neighbours = 5;
  structure.width = 8;
  structure.feed_forward = 12;
  structure.heads = 2;
  structure.dropout = 0.2;
  settings.joint.width = joint;
  return settings;
}

/// Three proteins: a missing residue, half a one, a single one.
data::ShardRows shard(const data::Augmentation& augmentation = {}) {
  const std::vector<std::string> sequences = {"MKVLAGHH", "W", "ACDEFXQKLM"};
  data::ShardRows rows;
  for (std::size_t b = 0; b < sequences.size(); ++b) {
    const int length = static_cast<int>(sequences[b].size());
    const Backbone backbone = random_backbone(length, b + 1);
    data::Protein protein;
    protein.sequence = sequences[b];
    protein.coordinates.assign(backbone.begin() + numbers_per_row,
                               backbone.end() - numbers_per_row);
    protein.confidence.assign(sequences[b].size(), 0.75f);
    if (b == 0)
      for (std::size_t k = 0; k < numbers_per_row; ++k)
        protein.coordinates[3 * numbers_per_row + k] = std::nanf("");
    if (b == 2) protein.coordinates[5 * numbers_per_row + 7] = std::nanf("");
    data::append_protein(rows, static_cast<int>(b), protein, data::whole_chain(length),
                         augmentation);
  }
  return rows;
}

struct Case {
  ParameterStore<F64> store;
  Bench bench;
  JointModel<F64> model;
  JointModel<F64>::Saved saved;
  data::ShardRows rows = shard();
  std::size_t proteins = static_cast<std::size_t>(rows.proteins());

  explicit Case(const ModelSettings& settings) {
    model = JointModel<F64>::add(store, settings);
    store.freeze();
    randomize(store, 1);
    bench.context.training = true;
    bench.context.random = {{5, 6}};
  }
  /// Embeddings of the sequences, then of the structures.
  Numbers forward() {
    bench.saved.release({});
    const auto embeddings = model.forward(bench.context, rows, saved, true);
    Numbers all = to_host(embeddings.sequence);
    const Numbers structures = to_host(embeddings.structure);
    all.insert(all.end(), structures.begin(), structures.end());
    return all;
  }
  void backward(const Numbers& w) {
    const auto half = w.begin() + static_cast<std::ptrdiff_t>(w.size() / 2);
    const Guarded<double> sequence(Numbers(w.begin(), half)), structure(Numbers(half, w.end()));
    model.backward(bench.context, saved,
                   {sequence.matrix(proteins, joint), structure.matrix(proteins, joint)});
    EXPECT_EQ(bench.scratch.stack().in_use(), 0u);
  }
};

TEST(JointModel, GradientByDifferences) {
  for (const std::string mode : {"reference", "invariant"})
    for (const std::string pooling : {"bos", "mean", "attention"}) {
      Case test(small_settings(mode, pooling));
      expect_layer_gradients("joint model, " + mode + ", " + pooling, test.store,
                             {[&](const auto&) { return test.forward(); },
                              [&](const auto& w) {
                                test.backward(w);
                                return Numbers();
                              }},
                             {}, step_between_kinks);
    }
}

TEST(JointModel, GradientOfMixedLayersByDifferences) {
  ModelSettings settings = small_settings("invariant", "attention");
  settings.sequence.layers = settings.sequence.pooled_layers = 3;
  settings.sequence.layer_weights = "learned";
  settings.structure.layers = settings.structure.pooled_layers = 2;
  settings.structure.layer_weights = "learned";
  settings.structure.frozen_layers = 3;  // all: the mix learns nevertheless
  Case test(settings);
  EXPECT_FALSE(test.store.find("struct_encoder.layers.1.fc1.weight")->trainable);
  test.backward(random_numbers(test.forward().size(), 2));
  EXPECT_GT(max_abs(to_host(test.store.find("struct_encoder.layer_weights")->gradient)), 0);
  settings.structure.frozen_layers = 0;
  Case free(settings);
  expect_layer_gradients("joint model of mixed layers", free.store,
                         {[&](const auto&) { return free.forward(); },
                          [&](const auto& w) {
                            free.backward(w);
                            return Numbers();
                          }},
                         {}, step_between_kinks);
}

/// The rows that the loss sees and the loss of class heads beside it, which reads the embeddings in
/// front of an expander.
TEST(JointModel, GradientOfClassHeadsByDifferences) {
  for (const std::string kind : {"none", "vicreg"}) {
    ModelSettings settings = small_settings("invariant", "mean");
    settings.loss.kind = kind;
    settings.loss.expander_width = 9;
    settings.classes.label = "scop";
    settings.classes.weights = {1, 0.5};
    settings.classes.sizes = {2, 3};
    Case test(settings);
    test.rows.classes = {0, -1, 1, 2, 0, -1};
    const auto width = static_cast<std::size_t>(test.model.loss_width());
    const auto forward = [&] {
      test.bench.saved.release({});
      const auto rows =
          test.model.forward_to_losses(test.bench.context, test.rows, test.saved, true);
      Numbers all = to_host(rows.sequence);
      const Numbers structures = to_host(rows.structure);
      all.insert(all.end(), structures.begin(), structures.end());
      all.push_back(test.model.classes.loss(
          ClassHeads<F64>::sums_of(test.saved.sequence_classes, test.saved.structure_classes)));
      return all;
    };
    const auto backward = [&](const Numbers& w) {
      const auto half = w.begin() + static_cast<std::ptrdiff_t>(test.proteins * width);
      const Guarded<double> sequence(Numbers(w.begin(), half)),
          structure(Numbers(half, w.end() - 1));
      auto factors = test.model.classes.factors(
          ClassHeads<F64>::sums_of(test.saved.sequence_classes, test.saved.structure_classes));
      for (double& factor : factors) factor *= w.back();
      test.model.backward(
          test.bench.context, test.saved,
          {sequence.matrix(test.proteins, width), structure.matrix(test.proteins, width)}, 0,
          factors);
      return Numbers();
    };
    expect_layer_gradients("joint model with class heads, " + kind, test.store,
                           {[&](const auto&) { return forward(); }, backward}, {},
                           step_between_kinks);
    EXPECT_EQ(test.store.find("class_heads.2.weight")->layers_above, 0);
  }
}

/// The sum of the language losses, alone and beside the joint loss, with causal attention (next
/// residues) or masked ones; recomputed blocks give the same bits.
TEST(JointModel, GradientOfLanguageHeadByDifferences) {
  struct Objective {
    std::string kind;
    double mlm_weight, causal_weight;
  };
  for (const Objective& objective : std::vector<Objective>{
           {"causal", 0, 0}, {"clip", 0, 0.5}, {"mlm", 0, 0}, {"clip", 0.5, 0}}) {
    ModelSettings settings = small_settings("invariant", "mean");
    settings.sequence.layers = 2;
    settings.loss.kind = objective.kind;
    settings.loss.mlm_weight = objective.mlm_weight;
    settings.loss.causal_weight = objective.causal_weight;
    const bool causal = settings.loss.is_causal();
    const data::Augmentation predicted = {
        .predicted = causal ? data::Predicted::next : data::Predicted::masked,
        .predicted_fraction = 0.5};
    Case test(settings);
    test.rows = shard(predicted);
    EXPECT_EQ(test.model.sequence.shape.causal, causal);
    const std::size_t size = test.model.is_joint ? test.proteins * joint : 0;
    const auto forward = [&size](Case& of) {
      of.bench.saved.release({});
      const auto rows = of.model.forward_to_losses(of.bench.context, of.rows, of.saved, true);
      Numbers all;
      if (size > 0) {
        all = to_host(rows.sequence);
        const Numbers structures = to_host(rows.structure);
        all.insert(all.end(), structures.begin(), structures.end());
      }
      all.push_back(of.saved.language.tokens.sums.loss);
      return all;
    };
    const auto backward = [&size](Case& of, const Numbers& w) {
      const auto half = w.begin() + static_cast<std::ptrdiff_t>(size);
      const Guarded<double> sequence(Numbers(w.begin(), half)),
          structure(Numbers(half, w.end() - 1));
      JointModel<F64>::Embeddings gradient;
      if (size > 0)
        gradient = {sequence.matrix(of.proteins, joint), structure.matrix(of.proteins, joint)};
      of.model.backward(of.bench.context, of.saved, gradient, w.back());
      return Numbers();
    };
    const std::string what =
        objective.kind + (causal ? " with causal attention" : " with masked residues");
    expect_layer_gradients("joint model, " + what, test.store,
                           {[&](const auto&) { return forward(test); },
                            [&](const auto& w) { return backward(test, w); }},
                           {}, step_between_kinks);
    Case kept(settings), recomputed(settings);
    recomputed.model.recompute_blocks(true);
    recomputed.model.recompute_messages(true);
    kept.rows = recomputed.rows = test.rows;
    const Numbers y = forward(kept), w = random_numbers(y.size(), 4);
    EXPECT_GT(y.back(), 0) << what;
    EXPECT_EQ(forward(recomputed), y) << what;
    backward(kept, w);
    backward(recomputed, w);
    EXPECT_GT(max_abs(parameter_gradients(kept.store)), 0) << what;
    EXPECT_EQ(parameter_gradients(recomputed.store), parameter_gradients(kept.store)) << what;
  }
}

/// What feeds a layer counts as the one below it; heads and loss have none above them.
TEST(JointModel, CountsTheLayersAbove) {
  ModelSettings settings = small_settings("invariant", "attention");
  settings.sequence.layers = 3;
  settings.structure.graph_layers = settings.structure.layers = 2;
  Case test(settings);
  for (const auto& [name, above] : std::vector<std::pair<std::string, int>>{
           {"seq_encoder.embed_tokens.weight", 3},
           {"seq_encoder.layers.0.fc1.weight", 2},
           {"seq_encoder.layers.2.fc1.weight", 0},
           {"seq_encoder.emb_layer_norm_after.weight", 0},
           {"struct_encoder.gvp_encoder.embed_graph.embed_node.0.ws.weight", 4},
           {"struct_encoder.gvp_encoder.encoder_layers.1.conv.message_func.0.ws.weight", 2},
           {"struct_encoder.embed_gvp_output.weight", 2},
           {"struct_encoder.embed_tokens.weight", 2},
           {"struct_encoder.layers.0.fc1.weight", 1},
           {"struct_encoder.layer_norm.weight", 0},
           {"struct_encoder.attention_pooling.query", 0},
           {"struct_encoder.joint_embedding_projection.0.weight", 0},
           {"logit_scale", 0}}) {
    ASSERT_NE(test.store.find(name), nullptr) << name;
    EXPECT_EQ(test.store.find(name)->layers_above, above) << name;
  }
}

/// An embedding has gradients by its own encoder and head alone.
TEST(JointModel, ModalitiesDoNotMix) {
  Case test(small_settings("invariant", "mean"));
  const std::size_t size = test.forward().size();
  Numbers w = random_numbers(size, 3);
  for (std::size_t i = size / 2; i < size; ++i) w[i] = 0;  // sequences only
  test.backward(w);
  double largest = 0;
  for (const auto& p : test.store.parameters()) {
    const double gradient = max_abs(to_host(p.gradient));
    if (p.name.starts_with("seq_encoder."))
      largest = std::max(largest, gradient);
    else
      EXPECT_EQ(gradient, 0) << p.name;
  }
  EXPECT_GT(largest, 0);
}

}  // namespace
