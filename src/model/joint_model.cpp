// JointModel.
#include "model/joint_model.hpp"

namespace jespr {
namespace {

/// (query, key) pairs of attention: the sum of squared lengths.
double attention_pairs(const std::vector<int>& rows_of_protein) {
  double pairs = 0;
  for (int rows : rows_of_protein) pairs += static_cast<double>(rows) * rows;
  return pairs;
}

SequenceInput sequence_input(Context& context, const data::ShardRows& shard) {
  return {make_offsets(context.saved, shard.sequence.rows, shard.identity), shard.sequence.tokens};
}

template <class T>
StructureInput<T> structure_input(Context& context, const data::ShardRows& shard) {
  const auto& rows = shard.structure;
  const std::size_t n = rows.confidence.size();
  const Tensor3<T> coordinates = context.saved.tensor<T>(n, 3, 3);
  const Vector<T> confidence = context.saved.vector<T>(n);
  to_device(coordinates, std::vector<T>(rows.coordinates.begin(), rows.coordinates.end()));
  to_device(confidence, std::vector<T>(rows.confidence.begin(), rows.confidence.end()));
  return {make_offsets(context.saved, rows.rows, shard.identity), coordinates, confidence};
}

}  // namespace

void declare(deck::Schema& schema, ModelSettings& settings) {
  declare(schema, settings.sequence);
  declare(schema, settings.structure);
  declare(schema, settings.joint);
  declare(schema, settings.loss);
}

ModelForm form_of(const ModelSettings& settings) {
  const SequenceSettings& sequence = settings.sequence;
  const StructureSettings& structure = settings.structure;
  const auto number = [](auto choice) { return static_cast<std::int64_t>(choice); };
  return {{"sequence.layers", sequence.layers},
          {"sequence.heads", sequence.heads},
          {"sequence.pooling", number(pooling_of(sequence.pooling))},
          {"structure.mode", number(structure.shape().mode)},
          {"structure.neighbours", structure.neighbours},
          {"structure.graph_layers", structure.graph_layers},
          {"structure.layers", structure.layers},
          {"structure.heads", structure.heads},
          {"structure.pooling", number(pooling_of(structure.pooling))}};
}

template <class P>
JointModel<P> JointModel<P>::add(ParameterStore<P>& store, const ModelSettings& settings) {
  JointModel model;
  const SequenceShape sequence_shape = settings.sequence.shape();
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
  model.loss = ClipLoss<P>::add(store, settings.loss);
  model.sequence.freeze(static_cast<int>(settings.sequence.frozen_layers));
  model.structure.freeze(static_cast<int>(settings.structure.frozen_layers));
  return model;
}

template <class P>
typename JointModel<P>::Embeddings JointModel<P>::forward(Context& context,
                                                          const data::ShardRows& shard,
                                                          Saved& saved, bool differentiate,
                                                          ShardWork* work) const {
  Embeddings embeddings;
  {
    const Timed timed = context.time("sequence forward");
    context.observed_prefix = "seq/";
    const SequenceInput input = sequence_input(context, shard);
    saved.sequence_rep = sequence.forward(context, input, saved.sequence, differentiate);
    embeddings.sequence =
        sequence_head.forward(context, saved.sequence_rep, input.offsets, saved.sequence_head);
  }
  {
    const Timed timed = context.time("structure forward");
    context.observed_prefix = "struct/";
    const auto input = structure_input<Real>(context, shard);
    saved.structure_rep = structure.forward(context, input, saved.structure, differentiate);
    embeddings.structure =
        structure_head.forward(context, saved.structure_rep, input.offsets, saved.structure_head);
  }
  context.observed_prefix.clear();
  if (work) {
    const double proteins = shard.proteins();
    const auto sequence_rows = static_cast<double>(shard.sequence.tokens.size());
    const auto structure_rows = static_cast<double>(shard.structure.confidence.size());
    work->rows += sequence_rows + structure_rows;
    work->residues += sequence_rows - 2 * proteins;
    work->operations +=
        published_operations(sequence.shape, sequence_rows, attention_pairs(shard.sequence.rows)) +
        published_operations(structure.shape, structure_rows, saved.structure.graph.graph.edges,
                             attention_pairs(shard.structure.rows)) +
        published_operations(sequence_head.shape, proteins) +
        published_operations(structure_head.shape, proteins);
  }
  return embeddings;
}

template <class P>
void JointModel<P>::backward(Context& context, const Saved& saved,
                             const Embeddings& gradient) const {
  {
    const Timed timed = context.time("structure backward");
    Scope scope(context.scratch);
    context.observed_prefix = "struct/";
    const Matrix<Real> drep =
        context.scratch.matrix<Real>(saved.structure_rep.extent(0), saved.structure_rep.extent(1));
    structure_head.backward(context, saved.structure_head, gradient.structure, drep);
    structure.backward(context, saved.structure, drep);
  }
  {
    const Timed timed = context.time("sequence backward");
    Scope scope(context.scratch);
    context.observed_prefix = "seq/";
    const Matrix<Real> drep =
        context.scratch.matrix<Real>(saved.sequence_rep.extent(0), saved.sequence_rep.extent(1));
    sequence_head.backward(context, saved.sequence_head, gradient.sequence, drep);
    sequence.backward(context, saved.sequence, drep);
  }
  context.observed_prefix.clear();
}

template struct JointModel<F32>;
template struct JointModel<F64>;

}  // namespace jespr
