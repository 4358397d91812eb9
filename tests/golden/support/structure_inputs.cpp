// Inputs of the structure encoder.
#include "golden/support/structure_inputs.hpp"

#include <cmath>
#include <limits>

#include "support/arrays.hpp"

namespace jespr::test {
namespace {

constexpr std::size_t numbers = kernels::coordinates_per_residue;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

std::vector<double> read_raw_confidence(const GoldenFile& file, const std::string& protein,
                                        std::size_t residues) {
  const std::string name = "inputs/raw/confidence_" + protein;
  if (file.has(name)) return file.read(name).values;
  const std::string coordinates = "/inputs/raw/coords_" + protein, attribute = "confidence";
  if (const auto number = file.number(coordinates, attribute))
    return std::vector<double>(residues, static_cast<float>(*number));
  const std::string text = file.file().text_attribute(coordinates, attribute);
  if (text != "None")
    fail(Exit::data, file.file().path() + ": attribute confidence of " + coordinates + " is '" +
                         text + "'; expected a number or None");
  return std::vector<double>(residues, 1);
}

StructureShape read_structure_shape(const GoldenFile& file) {
  StructureShape shape;
  shape.graph = {.scalars = file.integer("gvp_node_hidden_dim_scalar"),
                 .vectors = file.integer("gvp_node_hidden_dim_vector"),
                 .edge_scalars = file.integer("gvp_edge_hidden_dim_scalar"),
                 .edge_vectors = file.integer("gvp_edge_hidden_dim_vector"),
                 .layers = file.integer("gvp_num_encoder_layers"),
                 .neighbours = file.integer("gvp_top_k_neighbors"),
                 .dropout = 0};
  shape.layers = file.integer("encoder_layers");
  shape.width = file.integer("encoder_embed_dim");
  shape.heads = file.integer("encoder_attention_heads");
  shape.feed_forward = file.integer("encoder_ffn_embed_dim");
  shape.mode = GeometryMode::reference;
  return shape;
}

template <class T>
StructureInput<T> read_structure_input(const GoldenFile& file, const Rows& rows,
                                       Workspace& workspace) {
  const std::size_t n = rows.padded.size();
  const Tensor3<T> coordinates = workspace.tensor<T>(n, 3, 3);
  const Vector<T> confidence = workspace.vector<T>(n);
  to_device(coordinates, converted<T>(file.read_rows("inputs/coords", rows)));
  to_device(confidence, converted<T>(file.read_rows("inputs/confidence", rows)));
  return {make_offsets(workspace, rows.of_protein), coordinates, confidence};
}

template StructureInput<float> read_structure_input<float>(const GoldenFile&, const Rows&,
                                                           Workspace&);
template StructureInput<double> read_structure_input<double>(const GoldenFile&, const Rows&,
                                                             Workspace&);

Kind kind_of_structure_gradient(const std::string& name) {
  if (name.ends_with("self_attn.k_proj.bias")) return Kind::zero_gradient;
  if (name.ends_with("embed_edge.0.wv.weight")) return Kind::tiny_gradient;
  return Kind::gradient;
}

void compare_structure_inputs(Parity& parity) {
  const GoldenFile& file = parity.file();
  const Array stored = file.read("inputs/coords");
  const std::size_t length = stored.shape.at(1);
  std::vector<double> coordinates(stored.values.size(), nan);
  std::vector<double> confidence(stored.shape.at(0) * length, -1), padding(confidence.size(), 1);
  for (std::size_t b = 0; b < stored.shape[0]; ++b) {
    const std::string protein = std::to_string(b);
    const std::vector<double> raw = file.read("inputs/raw/coords_" + protein).values;
    const std::size_t residues = raw.size() / numbers, start = b * length;
    const std::vector<double> given = read_raw_confidence(file, protein, residues);
    for (std::size_t t = 0; t < residues + 2; ++t) {
      const bool is_residue = t > 0 && t <= residues;
      padding[start + t] = 0;
      bool is_complete = is_residue;
      for (std::size_t k = 0; k < numbers; ++k) {
        const double number = is_residue ? raw[(t - 1) * numbers + k] : infinity;
        coordinates[(start + t) * numbers + k] = number;
        is_complete = is_complete && std::isfinite(number);
      }
      confidence[start + t] = is_complete ? given[t - 1] : 0;
    }
  }
  const std::string why = "raw input between a start and an end row";
  parity.compare_exactly("inputs/coords", coordinates, why);
  parity.compare_exactly("inputs/confidence", confidence, why);
  parity.compare_exactly("inputs/struct_padding_mask", padding, why);
  parity.exclude("inputs/raw/", "input; inputs/coords and inputs/confidence are made of it");
}

StructureRecorder::StructureRecorder(const GoldenFile& file, const std::string& group,
                                     const Rows& rows)
    : file_edges_(file.read(group + "gvp/edge_index").values) {
  for (std::size_t i = 0; i < rows.padded.size(); ++i) packed_[rows.padded[i]] = i;
}

Observer StructureRecorder::observer() {
  return [this](const std::string& name, const std::vector<double>& values,
                const std::vector<std::size_t>& shape) { see(name, values, shape); };
}

void StructureRecorder::see(const std::string& name, std::vector<double> values,
                            const std::vector<std::size_t>& shape) {
  if (name == "gvp/edge_source") {
    source_ = values;
    return;
  }
  if (name == "gvp/edge_target") {
    target_ = values;
    std::map<std::pair<std::size_t, std::size_t>, std::size_t> number;
    for (std::size_t e = 0; e < target_.size(); ++e)
      number[{static_cast<std::size_t>(source_[e]), static_cast<std::size_t>(target_[e])}] = e;
    const std::size_t edges = file_edges_.size() / 2;
    for (std::size_t e = 0; e < edges; ++e) {
      const auto found =
          number.find({packed_.at(static_cast<std::size_t>(file_edges_[e])),
                       packed_.at(static_cast<std::size_t>(file_edges_[edges + e]))});
      ours_of_file_.push_back(found == number.end() ? target_.size() : found->second);
    }
    return;
  }
  const std::size_t width = shape.empty() || shape[0] == 0 ? 1 : values.size() / shape[0];
  if (name.find("gvp/edge_") != std::string::npos) {
    std::vector<double> sorted;
    for (std::size_t e : ours_of_file_)
      for (std::size_t k = 0; k < width; ++k)
        sorted.push_back(e < target_.size() ? values[e * width + k] : nan);
    values = sorted;
  }
  if (shape.size() == 3 && shape[1] == 3) {
    const std::vector<double> before = values;
    const std::size_t channels = shape[2], rows = values.size() / width;
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t d = 0; d < 3; ++d)
        for (std::size_t u = 0; u < channels; ++u)
          values[i * width + 3 * u + d] = before[i * width + d * channels + u];
  }
  recorder_.observer()(name, values, shape);
}

std::vector<double> StructureRecorder::edge_index() const {
  std::vector<double> padded_of(packed_.size());
  for (const auto& [padded, packed] : packed_) padded_of[packed] = static_cast<double>(padded);
  std::vector<double> index;
  for (const std::vector<double>* end : {&source_, &target_})
    for (std::size_t e : ours_of_file_)
      index.push_back(e < end->size() ? padded_of[static_cast<std::size_t>((*end)[e])] : -1);
  index.resize(index.size() + 2 * (source_.size() > ours_of_file_.size()
                                       ? source_.size() - ours_of_file_.size()
                                       : 0));
  return index;
}

void compare_edge_index(Parity& parity, const std::string& group, const StructureRecorder& seen) {
  const std::string name = group + "gvp/edge_index";
  if (parity.file().has(name))
    parity.compare_exactly(name, seen.edge_index(), "graph as a set of edges");
}

}  // namespace jespr::test
