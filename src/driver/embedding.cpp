// Embedding of chains.
#include "driver/embedding.hpp"

namespace jespr {
namespace {

constexpr std::int64_t rows_per_piece = 2048;  // enough to keep the matrix products busy

}  // namespace

template <class P>
Gallery<typename P::Real> embed_chains(Context& context, const Communicator& communicator,
                                       const JointModel<P>& model,
                                       std::span<const data::Chain> chains,
                                       const data::ProteinReader& read, int kept) {
  std::vector<std::int64_t> places;
  std::vector<typename P::Real> sequence, structure;
  std::int64_t place = 0;
  int owner = 0;
  for (const data::Shard& piece : data::cut_by_rows(chains, rows_per_piece, kept)) {
    if (owner == communicator.rank()) {
      Scope saved_scope(context.saved), scratch_scope(context.scratch);
      typename JointModel<P>::Saved saved;
      const auto embeddings =
          model.forward(context, data::plain_rows(piece, read, kept), saved, false);
      append_rows(sequence, embeddings.sequence);
      append_rows(structure, embeddings.structure);
      for (std::size_t i = 0; i < piece.size(); ++i)
        places.push_back(place + static_cast<std::int64_t>(i));
    }
    place += static_cast<std::int64_t>(piece.size());
    owner = (owner + 1) % communicator.size();
  }
  return gather_gallery(communicator, static_cast<int>(chains.size()),
                        model.sequence_head.shape.width, places, sequence, structure);
}

#define JESPR_INSTANTIATE(P)                                                                     \
  template Gallery<P::Real> embed_chains<P>(Context&, const Communicator&, const JointModel<P>&, \
                                            std::span<const data::Chain>,                        \
                                            const data::ProteinReader&, int);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr
