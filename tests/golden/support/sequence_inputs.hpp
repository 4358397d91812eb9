// Inputs of the sequence encoder from golden files.
#pragma once

#include "golden/support/parity.hpp"
#include "model/sequence_encoder.hpp"

namespace jespr::test {

/// Tokens of a text as the reference's tokenizer makes them (FORMAT.md, trap 2): white space is
/// dropped, "<mask>" and the other names of the alphabet are one token each. Anything else outside
/// the alphabet: Error (data).
std::vector<int> tokens_of(const std::string& text);

/// The packed tokens of inputs/tokens, in memory of `workspace`.
SequenceInput read_sequence_input(const GoldenFile& file, const Rows& rows, Workspace& workspace);

/// Compares inputs/tokens and their mask with what the alphabet makes of inputs/sequences.
void compare_tokens(Parity& parity);

}  // namespace jespr::test
