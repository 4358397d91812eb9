// The sequence encoder and its head against recorded values of ESM-2: intermediates, embeddings,
// losses, and the gradients of three losses by every parameter.
#include "model/sequence_encoder.hpp"

#include <gtest/gtest.h>

#include <regex>

#include "golden/support/encoder_parity.hpp"
#include "golden/support/sequence_inputs.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

constexpr const char* padding_mask = "inputs/tokens_padding_mask";

template <class P>
struct Side {
  using Policy = P;
  using Encoder = SequenceEncoder<P>;

  static Rows rows(const GoldenFile& file) { return file.rows(padding_mask); }
  static SequenceShape shape(const GoldenFile& file) {
    return {.layers = file.integer("num_layers"),
            .width = file.integer("embed_dim"),
            .heads = file.integer("attention_heads")};
  }
  static SequenceInput read_input(const GoldenFile& file, const Rows& rows, Workspace& workspace) {
    return read_sequence_input(file, rows, workspace);
  }

  struct Seen : Recorder {
    Seen(const GoldenFile&, const Rows&) {}
    const Recorder& recorder() const { return *this; }
  };
  static void compare_graph(Parity&, const std::string&, const Seen&) {}

  /// Query, output and two of the feed-forward of each block.
  static LongestWay longest_way(const GoldenFile& file) {
    return {.maps = 4 * file.integer("num_layers")};
  }

  /// No gradient of this encoder vanishes: the rotation makes attention see the keys' bias.
  static Kind kind_of_gradient(const std::string&) { return Kind::gradient; }

  /// The reference works in [T, B, E] from the first block to the final norm, and keeps what each
  /// block gave as a transposed copy. Before and behind the blocks it works in [B, T, E], so that
  /// embedding_out and rep are on the path themselves.
  static bool is_copy(const std::string& intermediate) {
    return std::regex_match(intermediate, std::regex("layer_[0-9]+"));
  }
};

TEST(SequenceEncoder, A_TinyForwardAndGradients) {
  const GoldenFile file('A');
  Parity parity(file);
  compare_golden_parameters(parity);
  compare_tokens(parity);
  EncoderParity<Side<F64>>(parity).compare("f64/", "");
  EncoderParity<Side<F32>>(parity).compare("f32/", "");
  EncoderParity<Side<F32>>(parity, OperandPrecision::bf16).compare("bf16/", "");
  compare_loss_inputs(parity, padding_mask);
  parity.finish();
}

TEST(SequenceEncoder, B_ReleasedShapeForward) {
  const GoldenFile file('B');
  Parity parity(file);
  compare_golden_parameters(parity);
  compare_tokens(parity);
  EncoderParity<Side<F64>>(parity).compare("f64/", "f64_as_f32/");
  EncoderParity<Side<F32>>(parity).compare("f32/", "");
  EncoderParity<Side<F32>>(parity, OperandPrecision::bf16).compare("bf16/", "");
  parity.finish();
}

}  // namespace
