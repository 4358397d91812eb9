// What a validation shows the model of one shard, without gradients.
#pragma once

#include "data/label_classes.hpp"
#include "data/protein_reader.hpp"
#include "driver/settings.hpp"
#include "model/joint_model.hpp"

namespace jespr {

/// What the model makes of a shard's proteins; views of memory of the context.
template <class P>
struct ShownShard {
  typename JointModel<P>::Embeddings embeddings;  // none where the sequence encoder learns alone
  typename JointModel<P>::Embeddings loss_rows;   // the same, or what an expander makes of them
  PredictionSums predicted;                       // zero without a language head
  ClassLevelSums classes;                         // zero without class heads
};

/// Chains are cut to their central &data max_length residues; what is masked for the language head
/// is the same at every validation.
template <class P>
ShownShard<P> show_shard(Context& context, const JointModel<P>& model, const data::Shard& shard,
                         const data::ProteinReader& read, const Settings& settings,
                         const data::ChainClasses& classes);

}  // namespace jespr
