// Alphabet: the 33 tokens of ESM-1b / ESM-2 in their published order.
#pragma once

#include <string_view>
#include <vector>

namespace jespr {

inline constexpr int alphabet_size = 33;
inline constexpr int token_start = 0;  // <cls>
inline constexpr int token_pad = 1;
inline constexpr int token_end = 2;  // <eos>
inline constexpr int token_mask = 32;

/// Single-letter symbols of tokens 4 .. 30, in order.
inline constexpr std::string_view residue_symbols = "LAGVSERTIDPKQNFYMHWCXBUZO.-";
inline constexpr int first_residue_token = 4;

/// Token of a residue letter, or -1: the alphabet has neither J nor lower case nor '*'.
constexpr int token_of(char residue) {
  const auto index = residue_symbols.find(residue);
  return index == std::string_view::npos ? -1 : first_residue_token + static_cast<int>(index);
}

/// <cls> residues <eos>. A letter outside the alphabet: Error (data) naming it and its position.
std::vector<int> tokenize(std::string_view sequence);

}  // namespace jespr
