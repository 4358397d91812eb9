// A gallery: the embeddings of proteins in both modalities on all ranks, and what is measured on
// it. Validation during training and the task 'evaluate' share this path.
#pragma once

#include <cstdint>
#include <vector>

#include "backend/communicator.hpp"
#include "model/retrieval.hpp"
#include "tensor/context.hpp"

namespace jespr {

/// Embeddings of B proteins, rows of length 1, the same on every rank.
template <class T>
struct Gallery {
  int width = 0;             // J
  std::vector<T> sequence;   // [B, J]
  std::vector<T> structure;  // [B, J]
  // [B, C] rows of each encoder before its head; where nobody asked: empty.
  std::vector<T> sequence_pooled = {}, structure_pooled = {};
  // [B] residues that each encoder was shown; where nobody asked: empty.
  std::vector<int> sequence_residues = {}, structure_residues = {};

  int proteins() const { return width > 0 ? static_cast<int>(sequence.size()) / width : 0; }
};

/// Collects a gallery of `proteins` from all ranks: this one has embedded the proteins `places`,
/// whose rows stand in this order in `sequence` and `structure`. Collective.
template <class T>
Gallery<T> gather_gallery(const Communicator& communicator, int proteins, int width,
                          const std::vector<std::int64_t>& places, const std::vector<T>& sequence,
                          const std::vector<T>& structure);

/// The rows of one kind in the order of the gallery, on all ranks, on the same terms.
template <class T>
std::vector<T> gather_rows(const Communicator& communicator, int proteins,
                           const std::vector<std::int64_t>& places, const std::vector<T>& rows);

/// How the two modalities lie on the unit sphere (Wang & Isola 2020, arXiv:2005.10242).
struct SphereMeasures {
  double alignment = 0;            // mean of |x_i - y_i|^2: 0 is best
  double uniformity_sequence = 0;  // log of the mean over i != j of exp(-2 |x_i - x_j|^2)
  double uniformity_structure = 0;
};

/// How the points of a modality spread around their mean: the mean of their squared distances from
/// it, and in how many directions, which is exp(-sum p log p) of the singular values p of the
/// centred points, divided by their sum (Roy & Vetterli 2007; RankMe, Garrido et al. 2023,
/// arXiv:2210.02885): 1 where all lie on a line, J where they spread evenly; 0 where all are the
/// same point.
struct Spread {
  double effective_rank = 0, variance = 0;
};
struct Spreads {
  Spread sequence, structure;
};

/// The ranks of all partners; every rank of the run takes its blocks of queries. The result is the
/// same on any number of ranks. An embedding that is not finite: Error (runtime). Collective.
template <class T>
PartnerRanks rank_gallery(Context& context, const Communicator& communicator,
                          const Gallery<T>& gallery);

/// The loss of each pair [B]: the mean of both its cross entropies over the whole gallery, of
/// logits `scale` x_i . y_j, on the same terms.
template <class T>
std::vector<double> pair_losses(Context& context, const Communicator& communicator,
                                const Gallery<T>& gallery, double scale);

/// Alignment and uniformity, on the same terms.
template <class T>
SphereMeasures measure_sphere(Context& context, const Communicator& communicator,
                              const Gallery<T>& gallery);

/// Every rank of the run computes both.
template <class T>
Spreads measure_spreads(Context& context, const Gallery<T>& gallery);

}  // namespace jespr
