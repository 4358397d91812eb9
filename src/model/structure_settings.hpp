// Shapes of the structure encoder, presets, and what a deck says about it: group &structure.
#pragma once

#include <cstdint>
#include <string>

#include "deck/schema.hpp"
#include "layers/transformer_block.hpp"
#include "model/graph_encoder.hpp"
#include "model/loss.hpp"

namespace jespr {

struct StructureShape {
  GraphShape graph;
  int layers = 8;
  int width = 512;  // C
  int heads = 8;
  int feed_forward = 2048;
  double dropout = 0;  // of the embedding and the transformer; graph.dropout is the graph's
  GeometryMode mode = GeometryMode::invariant;
  int mixed_layers = 1;      // transformer blocks whose outputs the final norm sees
  bool learned_mix = false;  // their weights

  TransformerShape transformer() const;
};

/// Operations (2 x multiply-adds) of the forward pass as published: every linear map on `rows` rows
/// or `edges` edges, and attention over `pairs` (query, key) pairs.
double published_operations(const StructureShape& shape, double rows, double edges, double pairs);

struct StructureSettings {
  std::string preset = "gvpt_8M";
  std::string mode = "invariant", pooling = "bos", layer_weights = "equal";
  std::int64_t pooled_layers = 1;
  std::int64_t node_scalars = 128, node_vectors = 64;
  std::int64_t edge_scalars = 32, edge_vectors = 1;
  std::int64_t graph_layers = 4, neighbours = 30;
  std::int64_t layers = 2, width = 512, heads = 8, feed_forward = 1024;
  double dropout = 0.1;
  double coordinate_noise = 0;  // Angstrom
  std::int64_t frozen_layers = 0;
  std::string weights = {};  // file of initial values, or none

  StructureShape shape() const;
};

void declare(deck::Schema& schema, StructureSettings& settings, const LossSettings& loss);

}  // namespace jespr
