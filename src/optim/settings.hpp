// What a deck says about the optimizer: group &optim.
#pragma once

#include <cstdint>
#include <string>

#include "deck/schema.hpp"
#include "model/loss.hpp"

namespace jespr {

struct OptimSettings {
  std::string kind = "adamw";
  std::int64_t steps = 1000;
  double lr_peak = 1e-3;
  double lr_final = 0.0;
  std::int64_t warmup_steps = 0;
  std::string schedule = "cosine";
  double gamma = 0.999;
  std::int64_t gamma_steps = 1;
  double lr_base = 0.0;
  std::int64_t cycle_up = 2000, cycle_down = 0;  // steps; down 0: as many as up
  std::string cycle_mode = "triangular";
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0.01;
  std::string decay_on = "matrices";
  double clip_norm = 0.0;
  double sequence_rate = 1.0, structure_rate = 1.0, head_rate = 1.0;
  double layer_decay = 1.0;
  double ema_decay = 0.0;  // 0: no averaged weights
  bool ema_validate = true;
  std::int64_t largest_skipped = 10;
};

void declare(deck::Schema& schema, OptimSettings& settings, const LossSettings& loss);

}  // namespace jespr
