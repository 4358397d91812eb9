// Inputs of the sequence encoder from golden files.
#pragma once

#include "golden/support/parity.hpp"
#include "model/sequence_encoder.hpp"

namespace jespr::test {

/// The packed tokens of inputs/tokens, in memory of `workspace`.
SequenceInput read_sequence_input(const GoldenFile& file, const Rows& rows, Workspace& workspace);

/// Compares inputs/tokens and their mask with what the alphabet makes of inputs/sequences.
void compare_tokens(Parity& parity);

}  // namespace jespr::test
