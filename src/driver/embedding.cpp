// Embedding of chains.
#include "driver/embedding.hpp"

namespace jespr {
namespace {

constexpr int rows_of_ends = 2;  // of the start and end tokens

}  // namespace

template <class P>
Gallery<typename P::Real> embed_chains(Context& context, const Communicator& communicator,
                                       const JointModel<P>& model,
                                       std::span<const data::Chain> chains,
                                       const data::ProteinReader& read, int kept,
                                       bool keep_pooled) {
  std::vector<std::int64_t> places;
  std::vector<typename P::Real> sequence, structure, sequence_pooled, structure_pooled;
  std::vector<int> sequence_residues(chains.size()), structure_residues(chains.size());
  std::int64_t place = 0;
  int owner = 0;
  for (const data::Shard& piece : data::cut_by_rows(chains, rows_per_piece, kept)) {
    if (owner == communicator.rank()) {
      Scope saved_scope(context.saved), scratch_scope(context.scratch);
      typename JointModel<P>::Saved saved;
      const data::ShardRows rows = data::plain_rows(piece, read, kept);
      const auto embeddings = model.forward(context, rows, saved, false);
      append_rows(sequence, embeddings.sequence);
      append_rows(structure, embeddings.structure);
      if (keep_pooled) {
        append_rows(sequence_pooled, saved.sequence_head.pooled);
        append_rows(structure_pooled, saved.structure_head.pooled);
      }
      for (std::size_t i = 0; i < piece.size(); ++i) {
        const auto here = static_cast<std::size_t>(place) + i;
        places.push_back(static_cast<std::int64_t>(here));
        sequence_residues[here] = rows.sequence.rows[i] - rows_of_ends;
        structure_residues[here] = rows.structure.rows[i] - rows_of_ends;
      }
    }
    place += static_cast<std::int64_t>(piece.size());
    owner = (owner + 1) % communicator.size();
  }
  auto gallery = gather_gallery(communicator, static_cast<int>(chains.size()),
                                model.sequence_head.shape.width, places, sequence, structure);
  if (keep_pooled) {
    const int proteins = gallery.proteins();
    gallery.sequence_pooled = gather_rows(communicator, proteins, places, sequence_pooled);
    gallery.structure_pooled = gather_rows(communicator, proteins, places, structure_pooled);
  }
  communicator.sum(std::span<int>(sequence_residues));
  communicator.sum(std::span<int>(structure_residues));
  gallery.sequence_residues = std::move(sequence_residues);
  gallery.structure_residues = std::move(structure_residues);
  return gallery;
}

#define JESPR_INSTANTIATE(P)                                                                     \
  template Gallery<P::Real> embed_chains<P>(Context&, const Communicator&, const JointModel<P>&, \
                                            std::span<const data::Chain>,                        \
                                            const data::ProteinReader&, int, bool);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr
