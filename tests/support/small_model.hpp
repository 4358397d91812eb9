// A joint model that is small enough for tests of what works on models.
#pragma once

#include "model/joint_model.hpp"

namespace jespr::test {

/// `layers` of each kind; `width` channels, a multiple of 8, and fewer in the graph; dropout in all
/// encoder layers.
inline ModelSettings small_model(int layers, int width, double dropout) {
  ModelSettings settings;
  settings.sequence = {.layers = layers, .width = width, .heads = 2, .dropout = dropout};
  StructureSettings& structure = settings.structure;
  structure.node_scalars = structure.edge_scalars = width / 2;
  structure.node_vectors = width / 4;
  structure.graph_layers = structure.layers = layers;
  structure.width = structure.feed_forward = width;
  structure.heads = 2;
  structure.dropout = dropout;
  settings.joint.width = width;
  return settings;
}

}  // namespace jespr::test
