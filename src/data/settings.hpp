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
};

/// Group &batch: what one training step works on.
struct BatchSettings {
  std::int64_t proteins = 64;
  std::int64_t shards = 4;
  std::string reduction = "exact";
  double masked_fraction = 0;
  bool recompute = false;
  bool recompute_blocks = false;
  double max_memory_gb = 0;  // 0: as many shards as `shards` says

  bool exact() const { return reduction == "exact"; }
};

void declare(deck::Schema& schema, DataSettings& s);
void declare(deck::Schema& schema, BatchSettings& s);

}  // namespace jespr::data
