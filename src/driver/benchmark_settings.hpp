// What a deck says about task = 'benchmark': group &benchmark.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "deck/schema.hpp"

namespace jespr {

struct BenchmarkSettings {
  std::vector<std::string> parts = {"products",
                                    "sequence forward",
                                    "sequence forward+backward",
                                    "structure forward",
                                    "structure forward+backward",
                                    "loss",
                                    "optimizer",
                                    "step",
                                    "kernels",
                                    "attention"};
  std::int64_t warmup = 2;
  std::int64_t repeats = 7;
  std::int64_t largest_product = 4096;
  std::string output;  // folder; empty: run/<name> beside the deck
  bool overwrite = false;

  bool measures(const std::string& part) const;
};

void declare(deck::Schema& schema, BenchmarkSettings& settings);

}  // namespace jespr
