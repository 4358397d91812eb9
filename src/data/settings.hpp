// Settings of the data and of the batches of a training run: groups &data and &batch of the deck.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "deck/schema.hpp"

namespace jespr::data {

/// Group &data: the proteins and how much of each is shown.
struct DataSettings {
  std::string dataset = {};
  std::vector<std::string> chains = {};  // names; empty: the whole training split
  std::int64_t max_length = 512;         // residues
  bool one_per_cluster = true;
  bool independent_crops = false;
  double shortest_crop = 0.5;
  std::int64_t sequence_crops = 0;  // K; 0: one window of the sequence, drawn as those above say
  std::int64_t crop_length = 0;     // residues; 0: as the structure shows

  /// How many sequences of a protein are compared with its structure.
  int sequences_of_protein() const {
    return sequence_crops > 1 ? static_cast<int>(sequence_crops) : 1;
  }
};

/// Group &batch: what one training step works on.
struct BatchSettings {
  std::int64_t proteins = 64;
  std::int64_t shards = 4;
  std::string reduction = "exact";
  double masked_fraction = 0;
  bool recompute = false;
  bool recompute_blocks = false;
  bool recompute_messages = false;
  double max_memory_gb = 0;  // 0: as many shards as `shards` says

  bool exact() const { return reduction == "exact"; }
  /// max_memory_gb in bytes.
  double memory_limit() const {
    constexpr double gigabyte = 1e9;  // as in all that the log prints
    return max_memory_gb * gigabyte;
  }
};

void declare(deck::Schema& schema, DataSettings& s);
void declare(deck::Schema& schema, BatchSettings& s);

}  // namespace jespr::data
