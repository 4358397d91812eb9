// JointModel: two encoders, two heads, one space.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/batch.hpp"
#include "model/class_heads.hpp"
#include "model/expander.hpp"
#include "model/joint_loss.hpp"
#include "model/language_head.hpp"
#include "model/projection_head.hpp"
#include "model/sequence_encoder.hpp"
#include "model/settings.hpp"
#include "model/structure_encoder.hpp"

namespace jespr {

/// What a deck says about the model: groups &sequence, &structure, &joint, &loss, &classes.
struct ModelSettings {
  SequenceSettings sequence;
  StructureSettings structure;
  JointSettings joint;
  LossSettings loss;
  ClassSettings classes;
};
void declare(deck::Schema& schema, ModelSettings& settings, const data::DataSettings& data,
             const data::BatchSettings& batch);

/// What decides the model's function beside the values and shapes of its parameters, by deck key. A
/// checkpoint keeps it; a restart must agree.
using ModelForm = std::vector<std::pair<std::string, std::int64_t>>;
ModelForm form_of(const ModelSettings& settings);

/// Work of a forward pass as the published formulation counts it, on residues alone: neither
/// padding nor the rows of start and end count.
struct EncoderWork {
  double residues = 0;
  double pairs = 0;       // (query, key) of attention: the sum of squared lengths
  double operations = 0;  // of encoder and head, 2 x multiply-adds
};
struct ShardWork {
  EncoderWork sequence, structure;
  double edges = 0;  // of the structure's graph

  double operations() const { return sequence.operations + structure.operations; }
};
EncoderWork& operator+=(EncoderWork& sum, const EncoderWork& more);
ShardWork& operator+=(ShardWork& sum, const ShardWork& more);

template <class P>
struct JointModel {
  using Real = typename P::Real;

  SequenceEncoder<P> sequence;
  StructureEncoder<P> structure;
  ProjectionHead<P> sequence_head, structure_head;
  Expander<P> expander;  // of vicreg; else it does not exist
  JointLoss<P> loss;
  LanguageHead<P> language;  // of mlm and causal; else it does not exist
  ClassHeads<P> classes;     // of &classes; else they do not exist
  bool is_joint = true;      // false: the sequence encoder learns alone

  struct Saved {
    typename SequenceEncoder<P>::Saved sequence;
    typename StructureEncoder<P>::Saved structure;
    typename ProjectionHead<P>::Saved sequence_head, structure_head;
    typename Expander<P>::Saved sequence_expander, structure_expander;
    typename LanguageHead<P>::Saved language;
    typename ClassHeads<P>::Saved sequence_classes, structure_classes;
    Matrix<Real> sequence_rep, structure_rep;  // [N, C] of the two encoders
  };

  /// Rows of length 1 in the joint space, of S sequences and B structures.
  struct Embeddings {
    Matrix<Real> sequence, structure;  // [S, J], [B, J]
  };

  /// Parameters under seq_encoder., struct_encoder. and those of the loss; frozen layers are
  /// marked.
  static JointModel add(ParameterStore<P>& store, const ModelSettings& settings);

  /// Whether transformer blocks and graph layers keep their inputs alone and run forward again in
  /// backward: less memory, same bits, up to a third more work.
  void recompute_blocks(bool recompute);
  /// Whether graph layers run the scalars and gates of their messages forward again.
  void recompute_messages(bool recompute);

  /// Both encoders on one shard. `differentiate` false: `saved` is of no further use. `work`, if
  /// given, is added to.
  Embeddings forward(Context& context, const data::ShardRows& shard, Saved& saved,
                     bool differentiate, ShardWork* work = nullptr) const;
  /// What the loss sees of the embeddings of a shard: behind the expander, or as they are.
  Embeddings loss_rows(Context& context, const Embeddings& embeddings, Saved& saved) const;
  int loss_width() const;
  /// The forward pass of training: the loss's rows (none where the sequence encoder learns alone),
  /// and the sums of language and class heads in `saved`.
  Embeddings forward_to_losses(Context& context, const data::ShardRows& shard, Saved& saved,
                               bool differentiate, ShardWork* work = nullptr) const;
  /// Sums of the class heads over the embeddings of a shard.
  void predict_classes(Context& context, const data::ShardRows& shard, const Embeddings& embeddings,
                       Saved& saved) const;
  /// Sequence encoder and language head alone.
  void forward_language(Context& context, const data::ShardRows& shard, Saved& saved,
                        bool differentiate) const;
  /// `gradient`, of the loss's rows, is overwritten, and of `saved` what blocks recompute;
  /// parameter gradients accumulate. `language_factor`: of the sum of the language head's losses;
  /// `class_factors` [levels]: of those of the class heads.
  void backward(Context& context, Saved& saved, const Embeddings& gradient,
                double language_factor = 0, std::span<const double> class_factors = {}) const;

  /// The same of one encoder and its head.
  Matrix<Real> forward_sequence(Context& context, const data::ShardRows& shard, Saved& saved,
                                bool differentiate) const;
  Matrix<Real> forward_structure(Context& context, const data::ShardRows& shard, Saved& saved,
                                 bool differentiate) const;
  void backward_sequence(Context& context, Saved& saved, Matrix<Real> gradient,
                         double language_factor = 0,
                         std::span<const double> class_factors = {}) const;
  void backward_structure(Context& context, Saved& saved, Matrix<Real> gradient,
                          std::span<const double> class_factors = {}) const;

  /// What a forward pass that has filled `saved` amounts to.
  ShardWork work_of(const data::ShardRows& shard, const Saved& saved) const;
  /// Of the sequence encoder alone.
  EncoderWork sequence_work(const data::ShardRows& shard) const;
};

}  // namespace jespr
