// The structure encoder and its head against recorded values of the GVP-transformer encoder:
// features, graph, intermediates, embeddings, losses, and the gradients of three losses.
#include "model/structure_encoder.hpp"

#include <gtest/gtest.h>

#include <regex>

#include "golden/support/encoder_parity.hpp"
#include "golden/support/structure_inputs.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

constexpr const char* padding_mask = "inputs/struct_padding_mask";

template <class P>
struct Side {
  using Policy = P;
  using Encoder = StructureEncoder<P>;

  static Rows rows(const GoldenFile& file) { return file.rows(padding_mask); }
  static StructureShape shape(const GoldenFile& file) { return read_structure_shape(file); }
  static StructureInput<typename P::Real> read_input(const GoldenFile& file, const Rows& rows,
                                                     Workspace& workspace) {
    return read_structure_input<typename P::Real>(file, rows, workspace);
  }

  struct Seen : StructureRecorder {
    Seen(const GoldenFile& file, const Rows& rows) : StructureRecorder(file, "f64/", rows) {}
  };
  static void compare_graph(Parity& parity, const std::string& group, const Seen& seen) {
    compare_edge_index(parity, group, seen);
  }
  static LongestWay longest_way(const GoldenFile& file) {
    return longest_way_of_structure_encoder(file);
  }
  static Kind kind_of_gradient(const std::string& name) { return kind_of_structure_gradient(name); }

  /// The reference works in [T, B, E] from the first block to the final norm and keeps what went
  /// into and came out of each block as a transposed copy; nodes of the graph it keeps as copies
  /// [B, T, ...] of the flat [B T, ...] that it works on. Edges, what goes into the sum
  /// embedding_out (embed/), and rep are on the path themselves.
  static bool is_copy(const std::string& intermediate) {
    return std::regex_match(
        intermediate,
        std::regex("embedding_out|layer_[0-9]+|gvp/(node_embed|conv_[0-9]+|layer_[0-9]+)_[sv]"));
  }
};

TEST(StructureEncoder, C_TinyForwardAndGradients) {
  const GoldenFile file('C');
  Parity parity(file);
  compare_golden_parameters(parity);
  compare_structure_inputs(parity);
  EncoderParity<Side<F64>>(parity).compare("f64/", "");
  EncoderParity<Side<F32>>(parity).compare("f32/", "");
  EncoderParity<Side<F32>>(parity, OperandPrecision::bf16).compare("bf16/", "");
  compare_loss_inputs(parity, padding_mask);
  parity.finish();
}

TEST(StructureEncoder, D_ReleasedShapeForward) {
  const GoldenFile file('D');
  Parity parity(file);
  compare_golden_parameters(parity);
  compare_structure_inputs(parity);
  EncoderParity<Side<F64>>(parity).compare("f64/", "f64_as_f32/");
  EncoderParity<Side<F32>>(parity).compare("f32/", "");
  EncoderParity<Side<F32>>(parity, OperandPrecision::bf16).compare("bf16/", "");
  parity.finish();
}

}  // namespace
