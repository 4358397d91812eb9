// One shard of a validation.
#include "driver/validation_shard.hpp"

#include "data/batch.hpp"
#include "driver/training_data.hpp"

namespace jespr {

template <class P>
ShownShard<P> show_shard(Context& context, const JointModel<P>& model, const data::Shard& shard,
                         const data::ProteinReader& read, const Settings& settings,
                         const data::ChainClasses& classes) {
  const auto kept = static_cast<int>(settings.data.max_length);
  ShownShard<P> shown;
  if (model.language.exists()) {
    const LossSettings& loss = settings.model.loss;
    const data::Augmentation hidden{.seed = static_cast<std::uint64_t>(settings.run.seed),
                                    .predicted = predicted_by(loss),
                                    .predicted_fraction = loss.predicted_fraction};
    typename JointModel<P>::Saved saved;
    model.forward_language(context, data::plain_rows(shard, read, kept, hidden), saved, false);
    shown.predicted = saved.language.tokens.sums;
  }
  if (!model.is_joint) return shown;
  typename JointModel<P>::Saved saved;
  data::ShardRows rows = data::plain_rows(shard, read, kept);
  shown.embeddings = model.forward(context, rows, saved, false);
  shown.loss_rows = model.loss_rows(context, shown.embeddings, saved);
  if (model.classes.exists()) {
    classes.add_to(rows);
    model.predict_classes(context, rows, shown.embeddings, saved);
    shown.classes = ClassHeads<P>::sums_of(saved.sequence_classes, saved.structure_classes);
  }
  return shown;
}

#define JESPR_INSTANTIATE(P)                                                               \
  template ShownShard<P> show_shard<P>(Context&, const JointModel<P>&, const data::Shard&, \
                                       const data::ProteinReader&, const Settings&,        \
                                       const data::ChainClasses&);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr
