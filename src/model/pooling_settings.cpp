// Declarations of pooling, in both encoders' groups.
#include "model/pooling_settings.hpp"

namespace jespr {

Pooling pooling_of(const std::string& name) {
  if (name == "attention") return Pooling::attention;
  return name == "mean" ? Pooling::mean : Pooling::bos;
}

void declare_pooling(deck::Group& group, std::string& pooling, std::int64_t& pooled_layers,
                     std::string& layer_weights, const std::int64_t& layers) {
  group.choice("pooling", pooling, {"bos", "mean", "attention"},
               "one row per protein: of the start row, the mean over residues, or their mean "
               "weighted by a softmax of their products with a learned query");
  group.integer("pooled_layers", pooled_layers, {.min = 1, .max = 1000, .unit = "blocks"},
                "last transformer blocks whose outputs are summed before the final norm; 1: the "
                "last alone");
  group.choice("layer_weights", layer_weights, {"equal", "learned"},
               "weights of that sum: all alike, or the softmax of learned numbers, Peters et al. "
               "2018");
  group.check("pooled_layers", [&pooled_layers, &layers] {
    return pooled_layers > layers
               ? "more than the encoder's " + std::to_string(layers) + " blocks; lower it"
               : std::string();
  });
  group.check("layer_weights", [&pooled_layers, &layer_weights] {
    return learns_layers(layer_weights) && pooled_layers == 1
               ? std::string(
                     "'learned' has nothing to weigh with pooled_layers = 1; raise that, "
                     "or leave it 'equal'")
               : std::string();
  });
}

}  // namespace jespr
