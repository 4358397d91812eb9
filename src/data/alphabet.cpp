// Alphabet: from letters to tokens.
#include "data/alphabet.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace jespr {

std::vector<int> tokenize(std::string_view sequence) {
  std::vector<int> tokens{token_start};
  tokens.reserve(sequence.size() + 2);
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    const int token = token_of(sequence[i]);
    if (token < 0)
      fail(Exit::data,
           fmt::format("residue {} is '{}', which the alphabet does not have ({}); write "
                       "X for an unknown residue",
                       i + 1, sequence[i], residue_symbols));
    tokens.push_back(token);
  }
  tokens.push_back(token_end);
  return tokens;
}

}  // namespace jespr
