// Inputs of the sequence encoder.
#include "golden/support/sequence_inputs.hpp"

#include "data/alphabet.hpp"

namespace jespr::test {
namespace {

/// Tokens of a text in which "<mask>" may stand for a residue.
std::vector<int> tokens_of(std::string text) {
  const std::string mask = "<mask>";
  const char stand_in = 'X';
  std::vector<std::size_t> masked;
  for (std::size_t at; (at = text.find(mask)) != std::string::npos;) {
    text.replace(at, mask.size(), 1, stand_in);
    masked.push_back(at);
  }
  std::vector<int> tokens = tokenize(text);
  for (std::size_t at : masked) tokens[at + 1] = token_mask;  // behind the start token
  return tokens;
}

}  // namespace

SequenceInput read_sequence_input(const GoldenFile& file, const Rows& rows, Workspace& workspace) {
  const std::vector<double> tokens = file.read_rows("inputs/tokens", rows);
  return {make_offsets(workspace, rows.of_protein), std::vector<int>(tokens.begin(), tokens.end())};
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
  parity.compare_within("inputs/tokens", padded, 0, "tokens of the sequences");
  parity.compare_within("inputs/tokens_padding_mask", mask, 0, "tokens of the sequences");
  parity.exclude("inputs/sequences", "input; its tokens are compared");
}

}  // namespace jespr::test
