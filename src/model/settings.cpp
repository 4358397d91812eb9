// Declarations of groups &sequence, &joint and &loss.
#include "model/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "deck/effect.hpp"
#include "kernels/attention.hpp"
#include "model/presets.hpp"

namespace jespr {
namespace {

struct SequencePreset {
  std::string_view name;
  int layers, width, heads;
};

/// The released ESM-2 models (Lin et al. 2023), and the quickstart's.
constexpr SequencePreset sequence_presets[] = {
    {"esm2_tiny", 4, 64, 4},        {"esm2_t6_8M", 6, 320, 20},      {"esm2_t12_35M", 12, 480, 20},
    {"esm2_t30_150M", 30, 640, 20}, {"esm2_t33_650M", 33, 1280, 20}, {"esm2_t36_3B", 36, 2560, 40},
    {"esm2_t48_15B", 48, 5120, 40},
};

/// Why a joint loss teaches nothing, "" if it does.
std::string objection_to_weights(const LossSettings& s) {
  const bool idle = (s.kind == "vicreg" && s.invariance_weight == 0 && s.variance_weight == 0 &&
                     s.covariance_weight == 0) ||
                    (s.kind == "distance" && s.alignment_weight == 0 && s.uniformity_weight == 0);
  return idle ? "the weights of all its terms are 0: sequence and structure would learn nothing "
                "from each other; raise one, or choose 'none', 'mlm' or 'causal'"
              : "";
}

/// What one kind of loss alone reads.
void declare_readers(deck::Group& group, LossSettings& s) {
  const auto compares = [&s] { return s.kind == "clip" || s.kind == "siglip"; };
  const auto is = [&s](const char* kind) { return [&s, kind] { return s.kind == kind; }; };
  const std::string of_logits = "kind = 'clip' or 'siglip'", of_vicreg = "kind = 'vicreg'",
                    of_distance = "kind = 'distance'";
  deck::has_effect_if(group, "clamp_logit_scale", s.clamp_logit_scale, compares, of_logits);
  deck::has_effect_if(
      group, "largest_scale", s.largest_scale,
      [&s, compares] { return compares() && s.clamp_logit_scale; },
      of_logits + " and clamp_logit_scale");
  deck::has_effect_if(group, "initial_temperature", s.initial_temperature, compares, of_logits);
  deck::has_effect_if(group, "initial_bias", s.initial_bias, is("siglip"), "kind = 'siglip'");
  deck::has_effect_if(group, "invariance_weight", s.invariance_weight, is("vicreg"), of_vicreg);
  deck::has_effect_if(group, "variance_weight", s.variance_weight, is("vicreg"), of_vicreg);
  deck::has_effect_if(group, "covariance_weight", s.covariance_weight, is("vicreg"), of_vicreg);
  deck::has_effect_if(group, "expander_width", s.expander_width, is("vicreg"), of_vicreg);
  deck::has_effect_if(group, "alignment_weight", s.alignment_weight, is("distance"), of_distance);
  deck::has_effect_if(group, "uniformity_weight", s.uniformity_weight, is("distance"), of_distance);
  deck::has_effect_if(group, "uniformity_sharpness", s.uniformity_sharpness, is("distance"),
                      of_distance);
  deck::has_effect_if(
      group, "predicted_fraction", s.predicted_fraction, [&s] { return s.is_mlm(); },
      "kind = 'mlm' or mlm_weight > 0");
}

}  // namespace

SequenceShape SequenceSettings::shape() const {
  return {.layers = static_cast<int>(layers),
          .width = static_cast<int>(width),
          .heads = static_cast<int>(heads),
          .dropout = dropout,
          .mixed_layers = static_cast<int>(pooled_layers),
          .learned_mix = learns_layers(layer_weights)};
}

HeadShape JointSettings::head_shape(int inputs, const std::string& pooling) const {
  return {.kind = head == "linear" ? HeadKind::linear : HeadKind::mlp_tanh,
          .inputs = inputs,
          .width = static_cast<int>(width),
          .dropout = dropout,
          .pooling = pooling_of(pooling)};
}

void declare(deck::Schema& schema, SequenceSettings& s) {
  auto& group = schema.group("sequence", "sequence encoder: ESM-2, Lin et al. 2023");
  group.only_for({"train", "benchmark"});
  group
      .choice("preset", s.preset, names_of(sequence_presets),
              "shape by name; the keys below change parts of it")
      .sets_defaults([&s] {
        const auto preset = std::find_if(
            std::begin(sequence_presets), std::end(sequence_presets),
            [&s](const SequencePreset& candidate) { return candidate.name == s.preset; });
        if (preset == std::end(sequence_presets)) return;
        s.layers = preset->layers;
        s.width = preset->width;
        s.heads = preset->heads;
      });
  group.integer("layers", s.layers, {.min = 1, .max = 1000}, "transformer blocks");
  group.integer("width", s.width, {.min = 2, .max = 65536}, "channels C; the feed-forward has 4 C");
  group.integer("heads", s.heads, {.min = 1, .max = 1024}, "attention heads");
  group.real("dropout", s.dropout, {.min = 0, .max = 1, .below = true},
             "dropout of the blocks; the released ESM-2 has none");
  declare_pooling(group, s.pooling, s.pooled_layers, s.layer_weights, s.layers);
  group.integer("frozen_layers", s.frozen_layers, {.min = 0, .unit = "blocks"},
                "first blocks that are not trained (with the embedding)");
  group
      .path("weights", s.weights,
            "initial values of encoder and residue predictor: a file of "
            "utilities/import_weights.py (ESM-2), or a checkpoint; none given: drawn by seed")
      .only_for({"train"});
  group.check("heads", [&s]() -> std::string {
    if (s.width % s.heads != 0)
      return "does not divide the width " + std::to_string(s.width) + "; choose a divisor";
    const std::int64_t head_width = s.width / s.heads;
    if (head_width % 2 != 0)
      return "makes heads of odd width " + std::to_string(head_width) +
             ", which the rotary embedding cannot pair; choose another number";
    if (head_width > kernels::largest_head_width)
      return "makes heads of width " + std::to_string(head_width) + ", more than " +
             std::to_string(kernels::largest_head_width) + "; choose more heads";
    return "";
  });
  group.check("frozen_layers", [&s] {
    return s.frozen_layers > s.layers
               ? "more than the encoder's " + std::to_string(s.layers) + " blocks; lower it"
               : std::string();
  });
}

void declare(deck::Schema& schema, JointSettings& s) {
  auto& group = schema.group("joint", "projection heads into the joint space");
  group.only_for({"train", "benchmark"});
  group.integer("width", s.width, {.min = 8, .max = 4096}, "dimension J of the joint space");
  group.choice("head", s.head, {"mlp_tanh", "linear"},
               "projection: W2 tanh(W1 x) with 4 J hidden units, or one linear map");
  group.real("dropout", s.dropout, {.min = 0, .max = 1, .below = true},
             "dropout of the projection, before its layer norm");
  group
      .path("weights", s.weights,
            "initial values of the heads, and of what the loss learns: a checkpoint; none given: "
            "drawn by seed")
      .only_for({"train"});
}

void declare(deck::Schema& schema, LossSettings& s, const SequenceSettings& sequence,
             const data::DataSettings& data, const data::BatchSettings& batch) {
  auto& group = schema.group("loss", "objective over the global batch");
  group.only_for({"train", "benchmark"});
  group
      .choice("kind", s.kind, objectives,
              "clip: symmetric InfoNCE, Radford et al. 2021; siglip: pairwise sigmoid, Zhai et al. "
              "2023; vicreg: invariance, variance, covariance, Bardes et al. 2022; distance: "
              "alignment and uniformity, Wang & Isola 2020; mlm (masked residues, Devlin et al. "
              "2019) and causal (next residue): the sequence encoder alone, structures unseen; "
              "none: &classes alone")
      .sets_defaults([&s] {
        constexpr double of_siglip = 0.1;  // its logit scale starts at 10
        if (s.kind == "siglip") s.initial_temperature = of_siglip;
      });
  group
      .logical("clamp_logit_scale", s.clamp_logit_scale,
               "clip, siglip: keep the learned logit scale at or below largest_scale")
      .formerly("clamp_scale");
  group.real("largest_scale", s.largest_scale, {.min = 1},
             "clip, siglip: upper clamp of the logit scale");
  group.real("initial_temperature", s.initial_temperature, {.min = 0, .above = true, .max = 100},
             "clip, siglip: the logit scale starts at its inverse, which the clamp must allow; "
             "siglip: 0.1 unless it is given");
  group.real("initial_bias", s.initial_bias, {},
             "siglip: start of the learned bias of the logits; -10 makes partners rare, as in a "
             "batch of thousands");
  group.real("invariance_weight", s.invariance_weight, {.min = 0},
             "vicreg: of the mean squared difference of partners");
  group.real("variance_weight", s.variance_weight, {.min = 0},
             "vicreg: of what columns lack of a standard deviation of 1");
  group.real("covariance_weight", s.covariance_weight, {.min = 0},
             "vicreg: of the squared covariances of columns");
  group.integer("expander_width", s.expander_width, {.min = 8, .max = 1 << 16},
                "vicreg: width E of the three maps between joint space and criterion");
  group.real("alignment_weight", s.alignment_weight, {.min = 0},
             "distance: of the mean squared distance of partners");
  group.real("uniformity_weight", s.uniformity_weight, {.min = 0},
             "distance: of the uniformity of either modality; 0 lets all embeddings collapse");
  group.real("uniformity_sharpness", s.uniformity_sharpness, {.min = 0, .above = true},
             "distance: t of the uniformity log mean exp(-t |x_i - x_j|^2)");
  group.real("mlm_weight", s.mlm_weight, {.min = 0},
             "beside a joint kind: weight of predicting masked residues");
  group.real("causal_weight", s.causal_weight, {.min = 0},
             "beside a joint kind: weight of predicting the next residue; then attention of the "
             "sequence encoder sees only what stands before");
  group.real("predicted_fraction", s.predicted_fraction, {.min = 0, .above = true, .max = 1},
             "mlm: probability of a residue to be predicted; of these 80 % are shown as <mask>, "
             "10 % as another residue, 10 % as they are");
  group.check("mlm_weight", [&s]() -> std::string {
    return s.is_joint() || s.mlm_weight == 0 ? "" : "kind = '" + s.kind + "' stands alone; drop it";
  });
  group.check("causal_weight", [&s]() -> std::string {
    if (!s.is_joint() && s.causal_weight > 0)
      return "kind = '" + s.kind + "' stands alone; drop it";
    return s.is_mlm() && s.is_causal()
               ? "one encoder cannot see both sides of a residue (mlm) and only what stands before "
                 "(causal); keep one of the two weights"
               : "";
  });
  group.check("kind", [&s, &sequence]() -> std::string {
    return s.is_causal() && sequence.pooling == "bos"
               ? "where attention is causal the start row sees itself alone; set &sequence pooling "
                 "= 'mean'"
               : "";
  });
  group.check("kind", [&s, &data]() -> std::string {
    return data.sequences_of_protein() == 1 || s.takes_crops()
               ? ""
               : fmt::format(
                     "only 'clip' and 'siglip' compare several sequences of a protein with "
                     "its structure, and &data sequence_crops = {}; choose one of them, or "
                     "sequence_crops = 1",
                     data.sequence_crops);
  });
  group.check("kind", [&s, &batch]() -> std::string {
    return s.kind != "mlm" || batch.masked_fraction == 0
               ? ""
               : fmt::format(
                     "hides the residues of predicted_fraction by itself, and &batch "
                     "masked_fraction = {:.6g} hides others; set that to 0",
                     batch.masked_fraction);
  });
  group.check("kind", [&s] { return objection_to_weights(s); });
  declare_readers(group, s);
  group.check("initial_temperature", [&s]() -> std::string {
    constexpr double six_digits = 1e-5;  // 1 / largest_scale may be written rounded
    const double start = 1.0 / s.initial_temperature;
    if (!s.clamp_logit_scale || start <= s.largest_scale * (1.0 + six_digits)) return "";
    return fmt::format(
        "starts the logit scale at {:.6g}, above largest_scale = {:.6g}; raise it to {:.6g}, raise "
        "largest_scale, or set clamp_logit_scale = .false.",
        start, s.largest_scale, 1.0 / s.largest_scale);
  });
}

}  // namespace jespr
