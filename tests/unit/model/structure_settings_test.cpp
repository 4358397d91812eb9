// Group &structure: presets, overrides, mistakes, and the published number of operations.
#include "model/structure_settings.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "deck/reader.hpp"
#include "model/structure_encoder.hpp"

namespace {

using namespace jespr;

StructureSettings read(const std::string& text) {
  static const LossSettings loss;
  static StructureSettings settings;
  settings = {};
  std::string task = "train";
  deck::Schema schema;
  schema.group("run", "what to do")
      .choice("task", task, {"train", "evaluate"}, "task")
      .names_task();
  declare(schema, settings, loss);
  deck::read(schema, {"t.deck", "&structure " + text + " /", "/home/me", {}});
  return settings;
}

std::string objection(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(StructureSettings, PresetsCanBeChangedInPart) {
  const StructureShape tiny = read("preset = 'gvpt_tiny'").shape();
  EXPECT_EQ(tiny.graph.scalars, 32);
  EXPECT_EQ(tiny.graph.neighbours, 16);
  EXPECT_EQ(tiny.width, 64);
  EXPECT_EQ(tiny.mode, GeometryMode::invariant);
  const StructureShape changed =
      read("graph_layers = 0, preset = 'esm_if1', mode = 'reference', dropout = 0.25").shape();
  EXPECT_EQ(changed.graph.layers, 0);
  EXPECT_EQ(changed.graph.scalars, 1024);
  EXPECT_EQ(changed.graph.dropout, 0.25);
  EXPECT_EQ(changed.mode, GeometryMode::reference);
}

TEST(StructureSettings, PresetsHaveTheirSize) {
  const auto parameters = [](const std::string& preset) {
    ParameterStore<F32> store;
    StructureEncoder<F32>::add(store, "", read("preset = '" + preset + "'").shape());
    double count = 0;
    for (const auto& p : store.parameters()) count += static_cast<double>(p.size);
    return count;
  };
  EXPECT_EQ(parameters("esm_if1"), 107993030);       // released; FORMAT.md, trap 31, with its head
  EXPECT_NEAR(parameters("gvpt_8M"), 6.4e6, 0.1e6);  // 8.5 with a head of width 512
  EXPECT_NEAR(parameters("gvpt_1M"), 1.0e6, 0.05e6);
  EXPECT_NEAR(parameters("gvpt_tiny"), 0.12e6, 0.01e6);
}

TEST(StructureSettings, MistakesAreExplained) {
  EXPECT_NE(objection("heads = 7").find("does not divide the width 512"), std::string::npos);
  EXPECT_NE(objection("width = 255, heads = 5").find("odd"), std::string::npos);
  EXPECT_NE(objection("heads = 2").find("choose more heads"), std::string::npos);
  EXPECT_NE(objection("frozen_layers = 7").find("more than the encoder's 6 layers"),
            std::string::npos);
  EXPECT_EQ(objection("frozen_layers = 6, heads = 4"), "");
}

/// Every weight matrix is applied to all rows or all edges once, those of vectors three times.
TEST(StructureSettings, OperationsAreThoseOfTheWeights) {
  const StructureShape shape = read("preset = 'gvpt_1M'").shape();
  ParameterStore<F32> store;
  StructureEncoder<F32>::add(store, "", shape);
  constexpr double rows = 100, edges = 3000, pairs = 5000;
  double expected = shape.layers * 2 * 2 * pairs * shape.width;
  for (const auto& p : store.parameters()) {
    if (!p.is_matrix() || p.name == "embed_tokens.weight") continue;
    const bool on_edges = p.name.find("message_func") != std::string::npos ||
                          p.name.find("embed_edge") != std::string::npos;
    const bool on_vectors = p.name.ends_with("wh.weight") || p.name.ends_with("wv.weight");
    expected +=
        2.0 * static_cast<double>(p.size) * (on_edges ? edges : rows) * (on_vectors ? 3 : 1);
  }
  EXPECT_DOUBLE_EQ(published_operations(shape, rows, edges, pairs), expected);
}

}  // namespace
