// What a deck says about the model: groups &sequence, &joint and &loss (&structure is beside the
// structure encoder).
#pragma once

#include <cstdint>
#include <string>

#include "data/settings.hpp"
#include "deck/schema.hpp"
#include "model/loss.hpp"
#include "model/pooling_settings.hpp"
#include "model/projection_head.hpp"
#include "model/sequence_encoder.hpp"

namespace jespr {

struct SequenceSettings {
  std::string preset = "esm2_t6_8M";
  std::int64_t layers = 6, width = 320, heads = 20;
  double dropout = 0;
  std::string pooling = "bos", layer_weights = "equal";
  std::int64_t pooled_layers = 1;
  std::int64_t frozen_layers = 0;
  std::string weights = {};  // file of initial values, or none

  SequenceShape shape() const;
};

struct JointSettings {
  std::int64_t width = 512;
  std::string head = "mlp_tanh";
  double dropout = 0;
  std::string weights = {};  // file of initial values, or none

  /// The head behind an encoder of `inputs` columns with this pooling.
  HeadShape head_shape(int inputs, const std::string& pooling) const;
};

void declare(deck::Schema& schema, SequenceSettings& settings);
void declare(deck::Schema& schema, JointSettings& settings);
/// Pooling of the sequence encoder, crops and masks of sequences have a say in what the loss may
/// be.
void declare(deck::Schema& schema, LossSettings& settings, const SequenceSettings& sequence,
             const data::DataSettings& data, const data::BatchSettings& batch);

}  // namespace jespr
