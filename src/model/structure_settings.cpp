// Shapes of the structure encoder and declaration of group &structure.
#include "model/structure_settings.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include "deck/effect.hpp"
#include "kernels/attention.hpp"
#include "model/pooling_settings.hpp"
#include "model/presets.hpp"

namespace jespr {
namespace {

struct StructurePreset {
  std::string_view name;
  int node_scalars, node_vectors, edge_scalars, edge_vectors, graph_layers, neighbours;
  int layers, width, heads, feed_forward;
  double dropout;
};

/// esm_if1: the encoder of the released ESM-IF1 (Hsu et al. 2022); the others have its form.
constexpr StructurePreset structure_presets[] = {
    {"esm_if1", 1024, 256, 32, 1, 4, 30, 8, 512, 8, 2048, 0.1},
    {"gvpt_8M", 128, 64, 32, 1, 4, 30, 2, 512, 8, 1024, 0.1},
    {"gvpt_1M", 64, 32, 32, 1, 3, 30, 2, 192, 6, 384, 0.1},
    {"gvpt_tiny", 32, 8, 16, 1, 2, 16, 2, 64, 4, 128, 0.0},
};

void fill_from_preset(StructureSettings& s) {
  const auto preset =
      std::find_if(std::begin(structure_presets), std::end(structure_presets),
                   [&s](const StructurePreset& candidate) { return candidate.name == s.preset; });
  if (preset == std::end(structure_presets)) return;
  s.node_scalars = preset->node_scalars;
  s.node_vectors = preset->node_vectors;
  s.edge_scalars = preset->edge_scalars;
  s.edge_vectors = preset->edge_vectors;
  s.graph_layers = preset->graph_layers;
  s.neighbours = preset->neighbours;
  s.layers = preset->layers;
  s.width = preset->width;
  s.heads = preset->heads;
  s.feed_forward = preset->feed_forward;
  s.dropout = preset->dropout;
}

}  // namespace

TransformerShape StructureShape::transformer() const {
  return {.layers = layers,
          .width = width,
          .heads = heads,
          .feed_forward = feed_forward,
          .activation = Activation::relu,
          .rotary = false,
          .dropout = dropout,
          .attention_dropout = dropout};
}

double published_operations(const StructureShape& shape, double rows, double edges, double pairs) {
  const double embeddings = kernels::dihedral_features + kernels::local_features +
                            kernels::radial_functions + shape.graph.scalars +
                            3.0 * shape.graph.vectors;
  return 2 * rows * shape.width * embeddings + published_operations(shape.graph, rows, edges) +
         shape.layers * block_operations(shape.transformer(), rows, pairs);
}

StructureShape StructureSettings::shape() const {
  StructureShape shape;
  shape.graph = {.scalars = static_cast<int>(node_scalars),
                 .vectors = static_cast<int>(node_vectors),
                 .edge_scalars = static_cast<int>(edge_scalars),
                 .edge_vectors = static_cast<int>(edge_vectors),
                 .layers = static_cast<int>(graph_layers),
                 .neighbours = static_cast<int>(neighbours),
                 .dropout = dropout};
  shape.layers = static_cast<int>(layers);
  shape.width = static_cast<int>(width);
  shape.heads = static_cast<int>(heads);
  shape.feed_forward = static_cast<int>(feed_forward);
  shape.dropout = dropout;
  shape.mode = mode == "reference" ? GeometryMode::reference : GeometryMode::invariant;
  shape.mixed_layers = static_cast<int>(pooled_layers);
  shape.learned_mix = learns_layers(layer_weights);
  return shape;
}

void declare(deck::Schema& schema, StructureSettings& s, const LossSettings& loss) {
  constexpr std::int64_t most_channels = 65536;
  auto& group =
      schema.group("structure", "structure encoder: GVP-transformer of ESM-IF1, Hsu et al. 2022");
  group.only_for({"train", "benchmark"});
  group
      .choice("preset", s.preset, names_of(structure_presets),
              "shape by name; the keys of sizes and dropout change parts of it")
      .sets_defaults([&s] { fill_from_preset(s); });
  group.choice("mode", s.mode, {"reference", "invariant"},
               "reference: as ESM-IF1, missing atoms at the origin; invariant: missing residues, "
               "ends and breaks give zero features, so that shifts and turns change nothing");
  declare_pooling(group, s.pooling, s.pooled_layers, s.layer_weights, s.layers);
  group.integer("node_scalars", s.node_scalars, {.min = 1, .max = most_channels},
                "scalar channels of a residue in the graph layers");
  group.integer("node_vectors", s.node_vectors, {.min = 1, .max = most_channels},
                "vector channels of a residue in the graph layers");
  group.integer("edge_scalars", s.edge_scalars, {.min = 1, .max = most_channels},
                "scalar channels of an edge");
  group.integer("edge_vectors", s.edge_vectors, {.min = 1, .max = most_channels},
                "vector channels of an edge");
  group.integer("graph_layers", s.graph_layers, {.min = 0, .max = 1000},
                "layers of geometric vector perceptrons, Jing et al. 2021");
  group.integer(
      "neighbours", s.neighbours, {.min = 1, .max = 1000},
      "nearest residues by CA distance that a residue sends messages to, itself included");
  group.integer("layers", s.layers, {.min = 1, .max = 1000}, "transformer blocks");
  group.integer("width", s.width, {.min = 2, .max = most_channels},
                "channels C of the transformer");
  group.integer("heads", s.heads, {.min = 1, .max = 1024}, "attention heads");
  group.integer("feed_forward", s.feed_forward, {.min = 1, .max = 4 * most_channels},
                "width of the transformer's feed-forward");
  group.real("dropout", s.dropout, {.min = 0, .max = 1, .below = true},
             "dropout of embedding, graph layers (scalars and whole vectors) and transformer");
  group.real("coordinate_noise", s.coordinate_noise, {.min = 0, .unit = "Angstrom"},
             "standard deviation of the noise on training coordinates, drawn anew each epoch");
  group.integer(
      "frozen_layers", s.frozen_layers, {.min = 0, .unit = "layers"},
      "first layers that are not trained: graph layers, then transformer blocks, with all "
      "that feeds them");
  group
      .path("weights", s.weights,
            "initial values of the encoder: a file of utilities/import_weights.py (ESM-IF1), or a "
            "checkpoint; none given: drawn by seed")
      .only_for({"train"});
  group.check("width", [&s] {
    return s.width % 2 == 0 ? std::string() : "odd; sines and cosines of positions need pairs";
  });
  group.check("heads", [&s]() -> std::string {
    if (s.width % s.heads != 0)
      return "does not divide the width " + std::to_string(s.width) + "; choose a divisor";
    if (s.width / s.heads > kernels::largest_head_width)
      return "makes heads of width " + std::to_string(s.width / s.heads) + ", more than " +
             std::to_string(kernels::largest_head_width) + "; choose more heads";
    return "";
  });
  group.check("frozen_layers", [&s] {
    const std::int64_t all = s.graph_layers + s.layers;
    return s.frozen_layers > all
               ? "more than the encoder's " + std::to_string(all) + " layers; lower it"
               : std::string();
  });
  deck::has_effect_if(
      group, "frozen_layers", s.frozen_layers, [&loss] { return loss.is_joint(); },
      "a joint &loss kind (not 'mlm' or 'causal')");
}

}  // namespace jespr
