// Inputs of the structure encoder from golden files, and its intermediates in their order.
#pragma once

#include "golden/support/parity.hpp"
#include "model/structure_encoder.hpp"

namespace jespr::test {

/// The shape that the attributes of a golden file give.
StructureShape read_structure_shape(const GoldenFile& file);

/// A gated perceptron has three linear maps in a row (to the hidden vectors, from their norms to
/// the scalars, from these to the gate) and a ReLU, one without a gate two. An embedding without;
/// in a layer three perceptrons of the message and two of the feed-forward, the last of each
/// without; one map to the transformer, four in each of its blocks.
LongestWay longest_way_of_structure_encoder(const GoldenFile& file);

/// The packed rows of inputs/coords and inputs/confidence, in memory of `workspace`.
template <class T>
StructureInput<T> read_structure_input(const GoldenFile& file, const Rows& rows,
                                       Workspace& workspace);

/// The confidence of each residue of a protein ("0"): inputs/raw/confidence_0 or, where that is
/// missing, the number in the attribute of coords_0 rounded to f32, 1 for the text "None".
std::vector<double> read_raw_confidence(const GoldenFile& file, const std::string& protein,
                                        std::size_t residues);

/// Compares inputs/coords, inputs/confidence and their mask with what inputs/raw/ says: a start and
/// an end row without coordinates around each protein, NaN in the padding.
void compare_structure_inputs(Parity& parity);

/// The keys' bias shifts all scores of a query alike: softmax does not see it, and its gradient is
/// zero but for rounding (FORMAT.md, trap 30). The edge embedding's vector map, 1 x 1 in the
/// released shape, is followed by a norm that takes its size out again but for eps: its gradient is
/// tiny.
Kind kind_of_structure_gradient(const std::string& name);

/// Brings what the structure encoder shows into the order of the files before it records it:
/// vectors [N, 3, U] become [N, U, 3]; edges are put in the file's order, found by (source,
/// target).
class StructureRecorder {
 public:
  /// `group`: what stands in front of gvp/edge_index.
  StructureRecorder(const GoldenFile& file, const std::string& group, const Rows& rows);

  Observer observer();
  const Recorder& recorder() const { return recorder_; }
  /// Our graph as rows [2, E] of the file's edge_index, in its order; -1 for edges we lack, and
  /// longer than the file's when we have more.
  std::vector<double> edge_index() const;

 private:
  void see(const std::string& name, std::vector<double> values,
           const std::vector<std::size_t>& shape);

  std::map<std::size_t, std::size_t> packed_;  // padded row -> packed row
  std::vector<double> file_edges_;             // [2, E]
  std::vector<double> source_, target_;        // ours
  std::vector<std::size_t> ours_of_file_;      // the number of the file's edges among ours
  Recorder recorder_;
};

/// Compares the graph with `group`gvp/edge_index where the file has it.
void compare_edge_index(Parity& parity, const std::string& group, const StructureRecorder& seen);

}  // namespace jespr::test
