// Declaration of group &optim.
#include "optim/settings.hpp"

namespace jespr {

void declare(deck::Schema& schema, OptimSettings& s) {
  auto& group = schema.group("optim", "optimizer, learning-rate schedule, clipping");
  group.only_for({"train"});
  group.choice("kind", s.kind, {"adam", "adamw"},
               "update rule: Kingma & Ba 2015, or with decoupled decay Loshchilov & Hutter 2019");
  group.integer("steps", s.steps, {.min = 1, .unit = "steps"}, "length of the run");
  group.real("lr_peak", s.lr_peak, {.min = 0, .above = true}, "learning rate after the warm-up");
  group.real("lr_final", s.lr_final, {.min = 0}, "learning rate that the cosine ends at");
  group.integer("warmup_steps", s.warmup_steps, {.min = 0, .unit = "steps"},
                "linear rise of the learning rate from 0");
  group.choice(
      "schedule", s.schedule, {"cosine", "constant"},
      "learning rate after the warm-up: half a cosine from lr_peak to lr_final, or lr_peak");
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
}

}  // namespace jespr
