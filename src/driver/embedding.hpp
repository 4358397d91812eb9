// Embedding of chains by a model as it is, without gradients: the way to a gallery.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/batch.hpp"
#include "driver/gallery.hpp"
#include "model/joint_model.hpp"

namespace jespr {

/// Rows of either encoder that embed_chains shows the model at a time; a longer chain is alone.
inline constexpr std::int64_t rows_per_piece = 2048;  // enough to keep the matrix products busy

/// Appends the rows of `block` to `rows` on the host.
template <class T>
void append_rows(std::vector<T>& rows, const Matrix<T>& block) {
  const std::vector<T> host = to_host(block);
  rows.insert(rows.end(), host.begin(), host.end());
}

/// Both modalities of `chains`, whole or cut to their central `kept` > 0 residues, in the order of
/// `chains`. Chains are cut into pieces of a fixed number of rows, pieces are dealt to the ranks in
/// turn: the same bits on any number of ranks with as many threads each. `keep_pooled`: also the
/// rows of the encoders before their heads. Collective.
template <class P>
Gallery<typename P::Real> embed_chains(Context& context, const Communicator& communicator,
                                       const JointModel<P>& model,
                                       std::span<const data::Chain> chains,
                                       const data::ProteinReader& read, int kept,
                                       bool keep_pooled = false);

}  // namespace jespr
