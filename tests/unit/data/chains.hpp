// Chains and proteins for the tests of sampling and batches.
#pragma once

#include <cmath>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "data/alphabet.hpp"
#include "data/batch.hpp"
#include "data/shards.hpp"
#include "support/paths.hpp"

namespace jespr::data {

/// Lengths and clusters of the 1,500 + 561 chains in tests/data/chains.tsv, of one split.
inline std::vector<Chain> real_chains(const std::string& split) {
  const auto path = test::source_dir() / "tests/data/chains.tsv";
  std::ifstream file(path);
  std::string name;
  std::getline(file, name);  // titles
  std::vector<Chain> chains;
  Chain chain;
  for (chain.identity = 0; file >> name >> chain.length >> chain.cluster; ++chain.identity)
    if (name == split) chains.push_back(chain);
  if (chains.empty()) throw std::runtime_error(path.string() + ": no chains");
  return chains;
}

/// A chain made up from its identity: `length` residues, every fifth without coordinates (NaN).
inline Protein made_up_protein(int identity, int length) {
  Protein protein;
  protein.name = "made_up_" + std::to_string(identity);
  for (int i = 0; i < length; ++i) {
    protein.sequence += residue_symbols[static_cast<std::size_t>((identity + 7 * i) % 20)];
    for (int number = 0; number < 9; ++number)
      protein.coordinates.push_back(i % 5 == 4 ? std::numeric_limits<float>::quiet_NaN()
                                               : static_cast<float>(identity + 9 * i + number));
    protein.confidence.push_back(1.0f / static_cast<float>(i + 1));
  }
  return protein;
}

inline bool operator==(const ShardRows& a, const ShardRows& b) {
  return a.identity == b.identity && a.sequence.rows == b.sequence.rows &&
         a.sequence.tokens == b.sequence.tokens && a.sequence.targets == b.sequence.targets &&
         a.sequence.identity == b.sequence.identity && a.structure.rows == b.structure.rows &&
         a.structure.coordinates == b.structure.coordinates &&
         a.structure.confidence == b.structure.confidence;
}

}  // namespace jespr::data
