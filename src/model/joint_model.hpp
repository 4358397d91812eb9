// JointModel: two encoders, two heads, one space.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/batch.hpp"
#include "model/clip_loss.hpp"
#include "model/projection_head.hpp"
#include "model/sequence_encoder.hpp"
#include "model/settings.hpp"
#include "model/structure_encoder.hpp"

namespace jespr {

/// What a deck says about the model: groups &sequence, &structure, &joint, &loss.
struct ModelSettings {
  SequenceSettings sequence;
  StructureSettings structure;
  JointSettings joint;
  LossSettings loss;
};
void declare(deck::Schema& schema, ModelSettings& settings);

/// What decides the model's function beside the values and shapes of its parameters, by deck key. A
/// checkpoint keeps it; a restart must agree.
using ModelForm = std::vector<std::pair<std::string, std::int64_t>>;
ModelForm form_of(const ModelSettings& settings);

/// Work of one shard as the published formulation counts it: real rows and surviving edges.
struct ShardWork {
  double rows = 0;        // of both modalities
  double residues = 0;    // of the sequence side, start and end tokens left out
  double operations = 0;  // of one forward pass, 2 x multiply-adds
};

template <class P>
struct JointModel {
  using Real = typename P::Real;

  SequenceEncoder<P> sequence;
  StructureEncoder<P> structure;
  ProjectionHead<P> sequence_head, structure_head;
  ClipLoss<P> loss;

  struct Saved {
    typename SequenceEncoder<P>::Saved sequence;
    typename StructureEncoder<P>::Saved structure;
    typename ProjectionHead<P>::Saved sequence_head, structure_head;
    Matrix<Real> sequence_rep, structure_rep;  // [N, C] of the two encoders
  };

  /// Rows of length 1 in the joint space, [B, J] each.
  struct Embeddings {
    Matrix<Real> sequence, structure;
  };

  /// Parameters under seq_encoder., struct_encoder. and logit_scale; frozen layers are marked.
  static JointModel add(ParameterStore<P>& store, const ModelSettings& settings);

  /// Both encoders on one shard. `differentiate` false: `saved` is of no further use. `work`, if
  /// given, is added to.
  Embeddings forward(Context& context, const data::ShardRows& shard, Saved& saved,
                     bool differentiate, ShardWork* work = nullptr) const;
  /// `gradient` is overwritten; parameter gradients accumulate.
  void backward(Context& context, const Saved& saved, const Embeddings& gradient) const;
};

}  // namespace jespr
