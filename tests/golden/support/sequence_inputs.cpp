// Inputs of the sequence encoder.
#include "golden/support/sequence_inputs.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "base/error.hpp"
#include "data/alphabet.hpp"

namespace jespr::test {

std::vector<int> tokens_of(const std::string& text) {
  static const std::map<std::string, int> special = {
      {"<cls>", token_start}, {"<pad>", token_pad}, {"<eos>", token_end},
      {"<unk>", 3},           {"<null_1>", 31},     {"<mask>", token_mask}};
  std::string letters;
  std::map<std::size_t, int> at;  // special tokens by their place, where a letter stands in
  constexpr char stand_in = 'X';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const std::size_t end = c == '<' ? text.find('>', i) : std::string::npos;
    if (end == std::string::npos) {
      if (!std::isspace(static_cast<unsigned char>(c))) letters += c;
      continue;
    }
    const std::string name = text.substr(i, end + 1 - i);
    const auto found = special.find(name);
    if (found == special.end()) fail(Exit::data, "the alphabet has no token " + name);
    at[letters.size()] = found->second;
    letters += stand_in;
    i = end;
  }
  std::vector<int> tokens = tokenize(letters);
  for (const auto& [place, token] : at) tokens[place + 1] = token;  // behind the start token
  return tokens;
}

SequenceInput read_sequence_input(const GoldenFile& file, const Rows& rows, Workspace& workspace) {
  const std::vector<double> tokens = file.read_rows("inputs/tokens", rows);
  return {make_offsets(workspace, rows.of_protein), workspace.host_copy<int>(tokens)};
}

void compare_tokens(Parity& parity) {
  const io::Shape shape = parity.file().read("inputs/tokens").shape;
  const std::vector<std::string> sequences = parity.file().read_text("inputs/sequences");
  std::vector<double> padded(shape.at(0) * shape.at(1), token_pad), mask(padded.size(), 1);
  for (std::size_t b = 0; b < sequences.size(); ++b) {
    const std::vector<int> tokens = tokens_of(sequences[b]);
    for (std::size_t t = 0; t < tokens.size() && t < shape[1]; ++t) {
      padded[b * shape[1] + t] = tokens[t];
      mask[b * shape[1] + t] = 0;
    }
  }
  parity.compare_exactly("inputs/tokens", padded, "tokens of the sequences");
  parity.compare_exactly("inputs/tokens_padding_mask", mask, "tokens of the sequences");
  parity.exclude("inputs/sequences", "input; its tokens are compared");
}

}  // namespace jespr::test
