// Parity of one encoder and its head with a golden file: intermediates, embeddings, losses, and the
// gradients of three losses. What differs between the encoders comes as a template argument.
#pragma once

#include <cmath>

#include "golden/support/golden_parameters.hpp"
#include "golden/support/parity.hpp"
#include "model/projection_head.hpp"
#include "support/arrays.hpp"
#include "support/bench.hpp"

namespace jespr::test {

/// Host values as f64.
template <class T>
std::vector<double> host_values(const Matrix<T>& view) {
  const auto values = to_host(view);
  return std::vector<double>(values.begin(), values.end());
}

/// Compares everything in group `group` ("f64/", "f32/" or "bf16/"), and where `rounded` is not
/// empty, in that group of f64 values stored in f32. `Side` is one encoder in precision P of its
/// own:
///   Policy, Encoder;  rows(file), shape(file), read_input(file, rows, workspace);
///   Seen: what it showed, made of (file, rows), with observer() and recorder();
///   compare_graph(parity, group, seen);  Kind kind_of_gradient(parameter);
///   is_copy(intermediate): see Parity::compare_gradients;
///   longest_way(file): what lies in a row in it.
template <class Side>
class EncoderParity {
 public:
  using P = typename Side::Policy;
  using Real = typename P::Real;

  explicit EncoderParity(Parity& parity, OperandPrecision operands = OperandPrecision::working)
      : parity_(parity),
        file_(parity.file()),
        rows_(Side::rows(file_)),
        products_(Products::default_library(), operands) {
    const auto shape = Side::shape(file_);
    encoder_ = Side::Encoder::add(store_, "", shape);
    head_ = ProjectionHead<P>::add(store_, "",
                                   {.inputs = shape.width, .width = file_.integer("joint_dim")});
    store_.freeze();
    load_golden_parameters(file_, store_);
    LongestWay way = Side::longest_way(file_);
    way.maps += maps_of_head;
    parity_.set_longest_way(way);
  }

  void compare(const std::string& group, const std::string& rounded) {
    typename Side::Seen seen(file_, rows_);
    context_.observer = seen.observer();
    forward();
    for (const std::string& where : {group, rounded}) {
      if (where.empty()) continue;
      parity_.compare_values(seen.recorder(), where, rows_);
      Side::compare_graph(parity_, where, seen);
    }
    if (products_.operands() == OperandPrecision::bf16)
      for (const Pooling pooling : {Pooling::bos, Pooling::mean})
        parity_.compare_directions(group + name_of(pooling) + "/embedding",
                                   host_values(embedding_[number_of(pooling)]));
    if (!file_.has("inputs/cotangent_rep")) return;
    compare_rep_gradients(group, seen);
    context_.observer = nullptr;
    for (const Pooling pooling : {Pooling::bos, Pooling::mean})
      compare_embedding_gradients(group, pooling);
  }

 private:
  static constexpr std::size_t poolings = 2;
  static constexpr int maps_of_head = 2;
  static std::size_t number_of(Pooling pooling) { return static_cast<std::size_t>(pooling); }
  static std::string name_of(Pooling pooling) { return pooling == Pooling::bos ? "bos" : "mean"; }

  void forward() {
    const auto input = Side::read_input(file_, rows_, bench_.inputs);
    rep_ = encoder_.forward(context_, input, saved_, true);
    for (const Pooling pooling : {Pooling::bos, Pooling::mean}) {
      const std::size_t k = number_of(pooling);
      head_.shape.pooling = pooling;
      context_.observed_prefix = name_of(pooling) + "/";
      embedding_[k] = head_.forward(context_, rep_, input.offsets, saved_head_[k]);
    }
    context_.observed_prefix = "";
    drep_ = bench_.inputs.template matrix<Real>(rep_.extent(0), rep_.extent(1));
  }

  void compare_rep_gradients(const std::string& group, typename Side::Seen& seen) {
    const std::vector<double> cotangent = file_.read_rows("inputs/cotangent_rep", rows_);
    store_.zero_gradients();
    to_device(drep_, converted<Real>(cotangent));
    encoder_.backward(context_, saved_, drep_);
    compare_loss(group + "loss_rep", host_values(rep_), cotangent);
    parity_.compare_gradients(seen.recorder(), group + "grad_rep/acts/", rows_, Side::is_copy);
    compare_gradients(parity_, store_, group + "grad_rep/params/", Side::kind_of_gradient);
  }

  void compare_embedding_gradients(const std::string& group, Pooling pooling) {
    const std::size_t k = number_of(pooling);
    const std::vector<double> cotangent = file_.read("inputs/cotangent_embedding").values;
    compare_loss(group + "loss_" + name_of(pooling), host_values(embedding_[k]), cotangent);
    store_.zero_gradients();
    head_.shape.pooling = pooling;
    const Matrix<Real> dembedding =
        bench_.inputs.template matrix<Real>(embedding_[k].extent(0), embedding_[k].extent(1));
    to_device(dembedding, converted<Real>(cotangent));
    head_.backward(context_, saved_head_[k], dembedding, drep_);
    encoder_.backward(context_, saved_, drep_);
    compare_gradients(parity_, store_, group + "grad_" + name_of(pooling) + "/params/",
                      Side::kind_of_gradient);
  }

  void compare_loss(const std::string& name, const std::vector<double>& values,
                    const std::vector<double>& cotangent) {
    const double norm = std::sqrt(dot(values, values) * dot(cotangent, cotangent));
    parity_.compare(name, {dot(values, cotangent)}, rows_, Kind::forward, norm);
  }

  Parity& parity_;
  const GoldenFile& file_;
  const Rows rows_;
  ParameterStore<P> store_;
  typename Side::Encoder encoder_;
  ProjectionHead<P> head_;
  Bench bench_;
  Products products_;
  Context context_{bench_.saved, bench_.scratch, products_};
  typename Side::Encoder::Saved saved_;
  typename ProjectionHead<P>::Saved saved_head_[poolings];
  Matrix<Real> rep_, drep_, embedding_[poolings];
};

/// inputs/cotangent_rep and _embedding are used, not compared; inputs/valid_positions are the rows
/// that `padding_mask` leaves.
inline void compare_loss_inputs(Parity& parity, const std::string& padding_mask) {
  parity.exclude("inputs/cotangent_", "input: coefficients of the losses");
  std::vector<double> valid;
  for (double padding : parity.file().read(padding_mask).values) valid.push_back(1 - padding);
  parity.compare_exactly("inputs/valid_positions", valid, "rows that are no padding");
}

}  // namespace jespr::test
