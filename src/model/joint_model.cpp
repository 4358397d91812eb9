// JointModel.
#include "model/joint_model.hpp"

#include "tensor/loops.hpp"
#include "tensor/profiling.hpp"

namespace jespr {
namespace {

/// Residues and their (query, key) pairs in attention: the rows of start and end do not count.
EncoderWork work_of_rows(const std::vector<int>& rows_of_protein) {
  constexpr int rows_of_ends = 2;
  EncoderWork work;
  for (int rows : rows_of_protein) {
    const double residues = rows - rows_of_ends;
    work.residues += residues;
    work.pairs += residues * residues;
  }
  return work;
}

SequenceInput sequence_input(Context& context, const data::ShardRows& shard) {
  const auto& rows = shard.sequence;
  const std::vector<int>& identity = rows.identity.empty() ? shard.identity : rows.identity;
  return {make_offsets(context.saved, rows.rows, identity), rows.tokens};
}

template <class T>
StructureInput<T> structure_input(Context& context, const data::ShardRows& shard) {
  const auto& rows = shard.structure;
  const std::size_t n = rows.confidence.size();
  const Tensor3<T> coordinates = context.saved.tensor<T>(n, 3, 3);
  const Vector<T> confidence = context.saved.vector<T>(n);
  Scope scope(context.scratch);
  to_device(coordinates, context.scratch.host_copy<T>(rows.coordinates));
  to_device(confidence, context.scratch.host_copy<T>(rows.confidence));
  return {make_offsets(context.saved, rows.rows, shard.identity), coordinates, confidence};
}

}  // namespace

EncoderWork& operator+=(EncoderWork& sum, const EncoderWork& more) {
  sum.residues += more.residues;
  sum.pairs += more.pairs;
  sum.operations += more.operations;
  return sum;
}
ShardWork& operator+=(ShardWork& sum, const ShardWork& more) {
  sum.sequence += more.sequence;
  sum.structure += more.structure;
  sum.edges += more.edges;
  return sum;
}

void declare(deck::Schema& schema, ModelSettings& settings, const data::DataSettings& data,
             const data::BatchSettings& batch) {
  declare(schema, settings.sequence);
  declare(schema, settings.structure, settings.loss);
  declare(schema, settings.joint);
  declare(schema, settings.loss, settings.sequence, data, batch);
  declare(schema, settings.classes, settings.loss);
}

ModelForm form_of(const ModelSettings& settings) {
  const SequenceSettings& sequence = settings.sequence;
  const StructureSettings& structure = settings.structure;
  const auto number = [](auto choice) { return static_cast<std::int64_t>(choice); };
  return {{"sequence.layers", sequence.layers},
          {"sequence.heads", sequence.heads},
          {"sequence.pooling", number(pooling_of(sequence.pooling))},
          {"sequence.pooled_layers", sequence.pooled_layers},
          {"sequence.layer_weights", number(learns_layers(sequence.layer_weights))},
          {"structure.mode", number(structure.shape().mode)},
          {"structure.neighbours", structure.neighbours},
          {"structure.graph_layers", structure.graph_layers},
          {"structure.layers", structure.layers},
          {"structure.heads", structure.heads},
          {"structure.pooling", number(pooling_of(structure.pooling))},
          {"structure.pooled_layers", structure.pooled_layers},
          {"structure.layer_weights", number(learns_layers(structure.layer_weights))},
          {"loss.kind", number(objective_of(settings.loss.kind))},
          {"loss.mlm", number(settings.loss.is_mlm())},
          {"loss.causal", number(settings.loss.is_causal())}};
}

template <class P>
JointModel<P> JointModel<P>::add(ParameterStore<P>& store, const ModelSettings& settings) {
  JointModel model;
  SequenceShape sequence_shape = settings.sequence.shape();
  sequence_shape.causal = settings.loss.is_causal();
  model.is_joint = settings.loss.is_joint();
  const StructureShape structure_shape = settings.structure.shape();
  store.set_part(Part::sequence);
  model.sequence = SequenceEncoder<P>::add(store, "seq_encoder.", sequence_shape);
  store.set_part(Part::sequence_head);
  model.sequence_head = ProjectionHead<P>::add(
      store, "seq_encoder.",
      settings.joint.head_shape(sequence_shape.width, settings.sequence.pooling));
  store.set_part(Part::structure);
  model.structure = StructureEncoder<P>::add(store, "struct_encoder.", structure_shape);
  store.set_part(Part::structure_head);
  model.structure_head = ProjectionHead<P>::add(
      store, "struct_encoder.",
      settings.joint.head_shape(structure_shape.width, settings.structure.pooling));
  store.set_part(Part::scale);
  if (settings.loss.kind == "vicreg")
    model.expander = Expander<P>::add(store, "expander", static_cast<int>(settings.joint.width),
                                      static_cast<int>(settings.loss.expander_width));
  model.loss = JointLoss<P>::add(store, settings.loss);
  model.classes =
      ClassHeads<P>::add(store, settings.classes, static_cast<int>(settings.joint.width));
  if (!model.is_joint)
    for (auto& parameter : store.parameters())
      if (parameter.part != Part::sequence) parameter.trainable = false;
  store.set_part(Part::sequence_head);
  if (settings.loss.has_language())
    model.language = LanguageHead<P>::add(store, "seq_encoder.", model.sequence.table);
  model.sequence.freeze(static_cast<int>(settings.sequence.frozen_layers));
  model.structure.freeze(static_cast<int>(settings.structure.frozen_layers));
  return model;
}

template <class P>
void JointModel<P>::recompute_blocks(bool recompute) {
  sequence.blocks.recompute = structure.blocks.recompute = structure.graph.recompute = recompute;
}

template <class P>
void JointModel<P>::recompute_messages(bool recompute) {
  for (GvpBlock<P>& block : structure.graph.blocks) block.conv.recompute = recompute;
}

template <class P>
typename JointModel<P>::Embeddings JointModel<P>::forward(Context& context,
                                                          const data::ShardRows& shard,
                                                          Saved& saved, bool differentiate,
                                                          ShardWork* work) const {
  const Embeddings embeddings{forward_sequence(context, shard, saved, differentiate),
                              forward_structure(context, shard, saved, differentiate)};
  if (work) *work += work_of(shard, saved);
  return embeddings;
}

template <class P>
typename JointModel<P>::Embeddings JointModel<P>::loss_rows(Context& context,
                                                            const Embeddings& embeddings,
                                                            Saved& saved) const {
  if (!expander.exists()) return embeddings;
  const Timed timed = context.time("expander");
  return {expander.forward(context, embeddings.sequence, saved.sequence_expander),
          expander.forward(context, embeddings.structure, saved.structure_expander)};
}

template <class P>
int JointModel<P>::loss_width() const {
  return expander.exists() ? expander.third.outputs() : sequence_head.shape.width;
}

template <class P>
typename JointModel<P>::Embeddings JointModel<P>::forward_to_losses(Context& context,
                                                                    const data::ShardRows& shard,
                                                                    Saved& saved,
                                                                    bool differentiate,
                                                                    ShardWork* work) const {
  if (!is_joint) {
    forward_language(context, shard, saved, differentiate);
    if (work) work->sequence += sequence_work(shard);
    return {};
  }
  const Embeddings embeddings = forward(context, shard, saved, differentiate, work);
  if (language.exists())
    language.forward(context, saved.sequence_rep, shard.sequence.targets, saved.language);
  predict_classes(context, shard, embeddings, saved);
  return loss_rows(context, embeddings, saved);
}

template <class P>
void JointModel<P>::predict_classes(Context& context, const data::ShardRows& shard,
                                    const Embeddings& embeddings, Saved& saved) const {
  if (!classes.exists()) return;
  classes.forward(context, embeddings.sequence, shard.classes, saved.sequence_classes);
  classes.forward(context, embeddings.structure, shard.classes, saved.structure_classes);
}

template <class P>
void JointModel<P>::forward_language(Context& context, const data::ShardRows& shard, Saved& saved,
                                     bool differentiate) const {
  const Timed timed = context.time("sequence forward");
  saved.sequence_rep =
      sequence.forward(context, sequence_input(context, shard), saved.sequence, differentiate);
  language.forward(context, saved.sequence_rep, shard.sequence.targets, saved.language);
}

template <class P>
void JointModel<P>::backward(Context& context, Saved& saved, const Embeddings& gradient,
                             double language_factor, std::span<const double> class_factors) const {
  if (!is_joint) {
    backward_sequence(context, saved, {}, language_factor);
    return;
  }
  if (!expander.exists()) {
    backward_structure(context, saved, gradient.structure, class_factors);
    backward_sequence(context, saved, gradient.sequence, language_factor, class_factors);
    return;
  }
  Scope scope(context.scratch);
  const auto joint = static_cast<std::size_t>(sequence_head.shape.width);
  const Matrix<Real> rows = context.scratch.matrix<Real>(gradient.sequence.extent(0), joint);
  expander.backward(context, saved.structure_expander, gradient.structure, rows);
  backward_structure(context, saved, rows, class_factors);
  expander.backward(context, saved.sequence_expander, gradient.sequence, rows);
  backward_sequence(context, saved, rows, language_factor, class_factors);
}

template <class P>
Matrix<typename P::Real> JointModel<P>::forward_sequence(Context& context,
                                                         const data::ShardRows& shard, Saved& saved,
                                                         bool differentiate) const {
  const Timed timed = context.time("sequence forward");
  const Region region("sequence forward");
  context.observed_prefix = "seq/";
  const SequenceInput input = sequence_input(context, shard);
  saved.sequence_rep = sequence.forward(context, input, saved.sequence, differentiate);
  const Matrix<Real> rows =
      sequence_head.forward(context, saved.sequence_rep, input.offsets, saved.sequence_head);
  context.observed_prefix.clear();
  return rows;
}

template <class P>
Matrix<typename P::Real> JointModel<P>::forward_structure(Context& context,
                                                          const data::ShardRows& shard,
                                                          Saved& saved, bool differentiate) const {
  const Timed timed = context.time("structure forward");
  const Region region("structure forward");
  context.observed_prefix = "struct/";
  const auto input = structure_input<Real>(context, shard);
  saved.structure_rep = structure.forward(context, input, saved.structure, differentiate);
  const Matrix<Real> rows =
      structure_head.forward(context, saved.structure_rep, input.offsets, saved.structure_head);
  context.observed_prefix.clear();
  return rows;
}

template <class P>
void JointModel<P>::backward_sequence(Context& context, Saved& saved, Matrix<Real> gradient,
                                      double language_factor,
                                      std::span<const double> class_factors) const {
  const Timed timed = context.time("sequence backward");
  const Region region("sequence backward");
  context.observed_prefix = "seq/";
  Scope scope(context.scratch);
  const Matrix<Real> drep =
      context.scratch.matrix<Real>(saved.sequence_rep.extent(0), saved.sequence_rep.extent(1));
  if (!class_factors.empty())
    classes.backward(context, saved.sequence_classes, class_factors, gradient);
  if (is_joint)
    sequence_head.backward(context, saved.sequence_head, gradient, drep);
  else
    fill(drep, Real(0));
  if (language_factor != 0)
    language.backward(context, saved.language, static_cast<Real>(language_factor), drep);
  sequence.backward(context, saved.sequence, drep);
  context.observed_prefix.clear();
}

template <class P>
void JointModel<P>::backward_structure(Context& context, Saved& saved, Matrix<Real> gradient,
                                       std::span<const double> class_factors) const {
  const Timed timed = context.time("structure backward");
  const Region region("structure backward");
  context.observed_prefix = "struct/";
  Scope scope(context.scratch);
  const Matrix<Real> drep =
      context.scratch.matrix<Real>(saved.structure_rep.extent(0), saved.structure_rep.extent(1));
  if (!class_factors.empty())
    classes.backward(context, saved.structure_classes, class_factors, gradient);
  structure_head.backward(context, saved.structure_head, gradient, drep);
  structure.backward(context, saved.structure, drep);
  context.observed_prefix.clear();
}

template <class P>
EncoderWork JointModel<P>::sequence_work(const data::ShardRows& shard) const {
  EncoderWork work = work_of_rows(shard.sequence.rows);
  if (sequence.shape.causal) work.pairs /= 2;
  work.operations = published_operations(sequence.shape, work.residues, work.pairs);
  return work;
}

template <class P>
ShardWork JointModel<P>::work_of(const data::ShardRows& shard, const Saved& saved) const {
  ShardWork work{sequence_work(shard), work_of_rows(shard.structure.rows),
                 static_cast<double>(saved.structure.graph.graph.edges)};
  work.sequence.operations += published_operations(sequence_head.shape, shard.sequences());
  work.structure.operations = published_operations(structure.shape, work.structure.residues,
                                                   work.edges, work.structure.pairs) +
                              published_operations(structure_head.shape, shard.proteins());
  return work;
}

template struct JointModel<F32>;
template struct JointModel<F64>;

}  // namespace jespr
