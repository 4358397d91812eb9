// The pairs that a model understands least: of a validation's highest losses, by name.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.hpp"
#include "data/shards.hpp"
#include "model/retrieval.hpp"

namespace jespr {

struct WorstPair {
  std::string name;
  int residues = 0;              // of the whole chain: a validation may have seen fewer
  double loss = 0;               // nats, mean of both directions
  double rank_of_structure = 0;  // of the sequence's true partner, 1 is best
  double rank_of_sequence = 0;   // of the structure's
};

/// The `count` pairs of highest loss (fewer where there are fewer), the worst first; those of equal
/// loss in the order of the dataset. losses and ranks [B] belong to `chains`.
std::vector<WorstPair> worst_pairs(const std::vector<double>& losses, const PartnerRanks& ranks,
                                   const std::vector<data::Chain>& chains,
                                   const data::Dataset& dataset, std::int64_t count);

/// "2abcA (loss 9.31, rank 541 of 561), ...": the first few, for the log.
std::string describe(const std::vector<WorstPair>& pairs, int gallery);

/// A table with a header line, whole or not at all: step, name, residues, loss, rank_of_structure,
/// rank_of_sequence, separated by tabs. Failure: Error (runtime).
void write_worst_pairs(const std::string& path, std::int64_t step,
                       const std::vector<WorstPair>& pairs);

}  // namespace jespr
