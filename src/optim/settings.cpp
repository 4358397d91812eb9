// Declaration of group &optim.
#include "optim/settings.hpp"

#include "deck/effect.hpp"

namespace jespr {

namespace {

/// What the exponential and the cyclic schedule need beside the rates of all.
void declare_shapes(deck::Group& group, OptimSettings& s) {
  group.real("gamma", s.gamma, {.min = 0, .above = true, .max = 1},
             "exponential schedule, and cyclic in mode exp_range: factor on the rate, or on its "
             "height above lr_base");
  group.integer("gamma_steps", s.gamma_steps, {.min = 1, .unit = "steps"},
                "gamma acts once in so many steps; the steps of an epoch: once an epoch");
  group.real("lr_base", s.lr_base, {.min = 0}, "cyclic: lowest learning rate, where cycles start");
  group.integer("cycle_up", s.cycle_up, {.min = 1, .unit = "steps"},
                "cyclic: linear rise from lr_base to lr_peak");
  group.integer("cycle_down", s.cycle_down, {.min = 0, .unit = "steps"},
                "cyclic: linear fall back to lr_base; 0: as long as the rise");
  group.choice("cycle_mode", s.cycle_mode, {"triangular", "triangular2", "exp_range"},
               "cyclic: all cycles alike, each half as high as the last, or lower by gamma");
  group.check("gamma", [&s] {
    constexpr double steepest = 1e-3;
    return s.gamma < steepest ? std::string(
                                    "below 0.001: nothing is learned from the second "
                                    "time on that it acts; raise it")
                              : std::string();
  });
  group.check("lr_base", [&s] {
    return s.lr_base > s.lr_peak ? std::string("above lr_peak; lower it") : std::string();
  });
  group.check("schedule", [&s] {
    return s.schedule == "cyclic" && s.warmup_steps > 0
               ? std::string("cyclic rises from lr_base by itself; set warmup_steps = 0")
               : std::string();
  });
}

/// What one schedule alone reads, or averaging alone.
void declare_readers(deck::Group& group, OptimSettings& s) {
  const auto cyclic = [&s] { return s.schedule == "cyclic"; };
  const auto decays = [&s] {
    return s.schedule == "exponential" || (s.schedule == "cyclic" && s.cycle_mode == "exp_range");
  };
  const std::string of_cyclic = "schedule = 'cyclic'";
  const std::string of_decay = "schedule = 'exponential' (or 'cyclic' in cycle_mode = 'exp_range')";
  deck::has_effect_if(group, "gamma", s.gamma, decays, of_decay);
  deck::has_effect_if(group, "gamma_steps", s.gamma_steps, decays, of_decay);
  deck::has_effect_if(group, "lr_base", s.lr_base, cyclic, of_cyclic);
  deck::has_effect_if(group, "cycle_up", s.cycle_up, cyclic, of_cyclic);
  deck::has_effect_if(group, "cycle_down", s.cycle_down, cyclic, of_cyclic);
  deck::has_effect_if(group, "cycle_mode", s.cycle_mode, cyclic, of_cyclic);
  deck::has_effect_if(
      group, "lr_final", s.lr_final,
      [&s] { return s.schedule == "cosine" || s.schedule == "exponential"; },
      "schedule = 'cosine' or 'exponential'");
  deck::has_effect_if(
      group, "ema_validate", s.ema_validate, [&s] { return s.ema_decay > 0; }, "ema_decay > 0");
}

/// Factors on learning rates: what the objective trains, and that it trains anything.
void declare_rates(deck::Group& group, OptimSettings& s, const LossSettings& loss) {
  deck::has_effect_if(
      group, "structure_rate", s.structure_rate, [&loss] { return loss.is_joint(); },
      "a joint &loss kind (not 'mlm' or 'causal')");
  group.check("sequence_rate", [&s, &loss]() -> std::string {
    const bool moves = s.sequence_rate > 0 || s.head_rate > 0;
    if (moves || (loss.is_joint() && s.structure_rate > 0)) return "";
    return loss.is_joint() ? "structure_rate and head_rate are 0 too: no encoder or head would "
                             "learn; raise one of them"
                           : "head_rate is 0 too: nothing would learn; raise one of them";
  });
}

}  // namespace

void declare(deck::Schema& schema, OptimSettings& s, const LossSettings& loss) {
  auto& group = schema.group("optim", "optimizer, learning-rate schedule, clipping");
  group.only_for({"train"});
  group.choice("kind", s.kind, {"adam", "adamw"},
               "update rule: Kingma & Ba 2015, or with decoupled decay Loshchilov & Hutter 2019");
  group.integer("steps", s.steps, {.min = 1, .unit = "steps"}, "length of the run");
  group.real("lr_peak", s.lr_peak, {.min = 0, .above = true}, "learning rate after the warm-up");
  group.real("lr_final", s.lr_final, {.min = 0},
             "learning rate that the cosine ends at, and below which the exponential does not go");
  group.integer("warmup_steps", s.warmup_steps, {.min = 0, .unit = "steps"},
                "linear rise of the learning rate from 0");
  group.choice("schedule", s.schedule, {"cosine", "constant", "exponential", "cyclic"},
               "learning rate after the warm-up: half a cosine from lr_peak to lr_final; lr_peak; "
               "lr_peak * gamma^n, n one more every gamma_steps steps (PyTorch's ExponentialLR); "
               "or up and down between lr_base and lr_peak (Smith 2017, PyTorch's CyclicLR)");
  declare_shapes(group, s);
  group.real("beta1", s.beta1, {.min = 0, .max = 1, .below = true}, "decay of the first moment");
  group.real("beta2", s.beta2, {.min = 0, .max = 1, .below = true}, "decay of the second moment");
  group.real("eps", s.eps, {.min = 0, .above = true}, "added to the root of the second moment");
  group.real("weight_decay", s.weight_decay, {.min = 0},
             "decay: adamw shrinks parameters by lr * weight_decay, adam adds it to the gradient");
  group.choice("decay_on", s.decay_on, {"matrices", "all"},
               "what decays: weight matrices, or also biases, gains and the logit scale");
  group.real("clip_norm", s.clip_norm, {.min = 0},
             "largest global norm of the gradient, larger ones are scaled down; 0: no clipping");
  group.real("sequence_rate", s.sequence_rate, {.min = 0},
             "factor on the learning rate of the sequence encoder");
  group.real("structure_rate", s.structure_rate, {.min = 0},
             "factor on the learning rate of the structure encoder");
  group.real("head_rate", s.head_rate, {.min = 0},
             "factor on the learning rate of both projection heads");
  group.real("layer_decay", s.layer_decay, {.min = 0, .above = true, .max = 1},
             "factor on the learning rate from each layer of an encoder to the one below it, the "
             "embedding lowest: layer l of L has layer_decay^(L - l); 1: all alike");
  group.real("ema_decay", s.ema_decay, {.min = 0, .max = 1, .below = true},
             "decay of an exponential moving average of the weights, kept beside them and in "
             "checkpoints; 0: none");
  group.logical("ema_validate", s.ema_validate,
                "validation measures the averaged weights, where ema_decay keeps them");
  group.integer("largest_skipped", s.largest_skipped, {.min = 1, .unit = "steps"},
                "so many steps skipped in a row for a non-finite loss or gradient end the run");
  group.check("warmup_steps", [&s] {
    return s.warmup_steps > s.steps
               ? "longer than the run of " + std::to_string(s.steps) + " steps; lower it"
               : std::string();
  });
  group.check("lr_final", [&s] {
    return s.lr_final > s.lr_peak ? std::string("above lr_peak; lower it") : std::string();
  });
  declare_readers(group, s);
  declare_rates(group, s, loss);
}

}  // namespace jespr
