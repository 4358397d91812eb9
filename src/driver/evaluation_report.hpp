// What an evaluation leaves behind: a table for the log, evaluation.json for programs, and
// evaluation.h5 with every embedding and rank.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "driver/gallery.hpp"

namespace jespr {

/// One way of ranking a gallery, and how well it does.
struct RankingMethod {
  std::string name;    // "trained", "untrained", "length_only", "chance"
  PartnerRanks ranks;  // none for chance
  RetrievalReport report;
  std::optional<SphereMeasures> sphere;  // of models
  Gallery<float> embeddings;             // of models
};

/// All ways of ranking one gallery.
struct GalleryEvaluation {
  std::string name;       // "whole", "equal_length"
  int kept_residues = 0;  // chains are cut to so many; 0: whole chains
  std::vector<std::string> chains;
  std::vector<int> lengths;  // of the whole chains, residues
  std::vector<RankingMethod> methods;
};

/// Where the numbers come from.
struct EvaluationSource {
  std::string checkpoint, dataset, split;
  std::int64_t step = 0;       // of the checkpoint
  std::int64_t bootstrap = 0;  // samples
  std::int64_t seed = 0;       // of the bootstrap
  std::string deck;            // processed
};

/// Lines for the log.
std::vector<std::string> evaluation_table(const GalleryEvaluation& evaluation);

/// The text of evaluation.json; doc/evaluation.md names its members.
std::string evaluation_json(const EvaluationSource& source,
                            const std::vector<GalleryEvaluation>& evaluations);

/// Writes evaluation.h5 (doc/evaluation.md), whole or not at all. By one process. Failure: Error
/// (runtime).
void write_evaluation_file(const std::string& path, const EvaluationSource& source,
                           const std::vector<GalleryEvaluation>& evaluations);

}  // namespace jespr
