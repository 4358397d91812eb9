// Declarations of the groups &data and &batch.
#include "data/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>  // for has_single_bit

#include "deck/effect.hpp"

namespace jespr::data {

namespace {

/// Why this number of shards is not possible, "" if it is.
std::string shards_objection(const BatchSettings& s) {
  if (s.shards > s.proteins)
    return fmt::format("a batch of {} proteins cannot fill more than {} shards", s.proteins,
                       s.proteins);
  const auto shards = static_cast<std::uint64_t>(s.shards);
  if (s.exact() && !std::has_single_bit(shards))
    return fmt::format("'exact' reduction needs a power of two; say {}, or reduction = 'fast'",
                       std::bit_ceil(shards) <= static_cast<std::uint64_t>(s.proteins)
                           ? std::bit_ceil(shards)
                           : std::bit_floor(shards));
  return "";
}

}  // namespace

void declare(deck::Schema& schema, DataSettings& s) {
  auto& group = schema.group("data", "proteins to learn from and how much of each is shown");
  group.only_for({"train", "evaluate", "benchmark"});
  group.path("dataset", s.dataset, "packed dataset, as task = 'prepare' writes it").required();
  group
      .texts("chains", s.chains,
             "train on the chains of these names alone; none given: on the training split")
      .only_for({"train", "benchmark"});
  group.check("chains", [&s] {
    std::vector<std::string> names = s.chains;
    std::sort(names.begin(), names.end());
    if (!names.empty() && names.front().empty()) return std::string("one of the names is empty");
    const auto twin = std::adjacent_find(names.begin(), names.end());
    return twin == names.end() ? std::string()
                               : "'" + *twin + "' is named twice: it would be its own negative";
  });
  group
      .integer("max_length", s.max_length, {.min = 1, .max = 1 << 20, .unit = "residues"},
               "longer chains are cropped to so many, anew in each epoch; in validations to their "
               "central ones")
      .only_for({"train", "benchmark"});
  group
      .logical("one_per_cluster", s.one_per_cluster,
               "at most one chain of a homology cluster in a batch, where clusters are known: "
               "relatives are no negatives")
      .only_for({"train"});
  group
      .logical("independent_crops", s.independent_crops,
               "sequence and structure of a chain show different windows of different length, so "
               "that length and termini do not give the pair away")
      .only_for({"train"});
  group
      .real("shortest_crop", s.shortest_crop, {.min = 0, .above = true, .max = 1},
            "independent crops: least share of the chain (of max_length, if longer) in a window; "
            "crops of the sequence: of crop_length")
      .only_for({"train"});
  group
      .integer("sequence_crops", s.sequence_crops, {.min = 0, .max = 64},
               "so many windows of a chain's sequence are compared with its structure, which is "
               "shown whole (up to max_length); 0: one window, the structure's or as "
               "independent_crops says")
      .only_for({"train"});
  group
      .integer("crop_length", s.crop_length, {.min = 0, .max = 1 << 20, .unit = "residues"},
               "crops of the sequence: the longest; shorter chains are shown whole at most; 0: all "
               "that the structure shows")
      .only_for({"train"});
  deck::has_effect_if(
      group, "shortest_crop", s.shortest_crop,
      [&s] { return s.independent_crops || s.sequence_crops > 0; },
      "independent_crops or sequence_crops");
  group.check("sequence_crops", [&s] {
    return s.sequence_crops > 0 && s.independent_crops
               ? std::string(
                     "shows the structure whole, independent_crops a window of it; drop "
                     "one of the two")
               : std::string();
  });
  group.check("crop_length", [&s]() -> std::string {
    if (s.crop_length > 0 && s.sequence_crops == 0)
      return "there are no crops of the sequence; set sequence_crops, or drop it";
    return s.crop_length > s.max_length
               ? fmt::format(
                     "above max_length = {}: no window is that long; lower it, or raise "
                     "max_length",
                     s.max_length)
               : "";
  });
}

void declare(deck::Schema& schema, BatchSettings& s) {
  auto& group = schema.group("batch", "what one training step works on");
  group.only_for({"train", "benchmark"});
  group.integer("proteins", s.proteins, {.min = 2, .max = 1 << 24},
                "pairs in a batch, over all ranks; each sees all others as negatives");
  group.integer("shards", s.shards, {.min = 1, .max = 1 << 24},
                "parts of about equal cost that a batch is cut into; a multiple of the ranks. The "
                "shards, not the ranks, decide the bits of the result");
  group.check("shards", [&s] { return shards_objection(s); });
  group.choice("reduction", s.reduction, {"exact", "fast"},
               "order of sums over shards: a fixed binary tree (same bits on any number of ranks) "
               "or as the library likes");
  group.real("masked_fraction", s.masked_fraction, {.min = 0, .max = 1, .below = true},
             "probability of a residue to be shown to the sequence encoder as <mask>; beside &loss "
             "mlm_weight on top of what that hides");
  group.logical(
      "recompute", s.recompute,
      "keep no activations from the forward pass to the loss: a shard is run forward "
      "again before its backward pass; memory of one shard, same bits, a third more work");
  group.logical(
      "recompute_blocks", s.recompute_blocks,
      "of a transformer block or graph layer keep its input alone, and run it forward again "
      "before its backward pass: memory of one layer, same bits, up to a third more work");
  group.logical(
      "recompute_messages", s.recompute_messages,
      "of a message along an edge of the graph compute the scalars and gates again in the backward "
      "pass: for esm_if1 300 kB less a residue, same bits, a fifth more work");
  group
      .real(
          "max_memory_gb", s.max_memory_gb, {.min = 0, .unit = "GB"},
          "so much may a rank hold of parameters, gradients, moments, activations and scratch, in "
          "validations too: shards is doubled until one of them fits, and recompute set where a "
          "rank's do not all fit at once (a restart keeps the shards of its checkpoint); 0: no "
          "limit")
      .only_for({"train"});
}

}  // namespace jespr::data
