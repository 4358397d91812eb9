// The sequence encoder and its head against recorded values of ESM-2: intermediates, embeddings,
// losses, and the gradients of three losses by every parameter.
#include "model/sequence_encoder.hpp"

#include <gtest/gtest.h>

#include "golden/support/golden_parameters.hpp"
#include "golden/support/parity.hpp"
#include "golden/support/sequence_inputs.hpp"
#include "model/projection_head.hpp"
#include "support/arrays.hpp"
#include "support/bench.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;

template <class P>
struct Model {
  using Real = typename P::Real;

  ParameterStore<P> store;
  SequenceEncoder<P> encoder;
  ProjectionHead<P> head;

  explicit Model(const GoldenFile& file) {
    const int width = file.integer("embed_dim");
    encoder = SequenceEncoder<P>::add(store, "",
                                      {.layers = file.integer("num_layers"),
                                       .width = width,
                                       .heads = file.integer("attention_heads")});
    head = ProjectionHead<P>::add(store, "", {.inputs = width, .width = file.integer("joint_dim")});
    store.freeze();
    load_golden_parameters(file, store);
  }
};

const char* name_of(Pooling pooling) { return pooling == Pooling::bos ? "bos" : "mean"; }

template <class T>
std::vector<double> host(const Matrix<T>& view) {
  const auto values = to_host(view);
  return std::vector<double>(values.begin(), values.end());
}

/// No gradient of this encoder vanishes: the rotation makes attention see the keys' bias.
bool none_is_zero(const std::string&) { return false; }

/// Everything in group `group` ("f64/" or "f32/"); `rounded`: a group of f64 values stored in f32.
template <class P>
void compare_model(Parity& parity, const std::string& group, const std::string& rounded) {
  using Real = typename P::Real;
  const GoldenFile& file = parity.file();
  const Rows rows = file.rows("inputs/tokens_padding_mask");
  Model<P> model(file);
  Bench bench;
  Context& context = bench.context;
  const SequenceInput input = read_sequence_input(file, rows, bench.inputs);

  Recorder recorder;
  context.observer = recorder.observer();
  typename SequenceEncoder<P>::Saved saved;
  const Matrix<Real> rep = model.encoder.forward(context, input, saved, true);
  typename ProjectionHead<P>::Saved saved_head[2];
  Matrix<Real> embedding[2];
  for (const Pooling pooling : {Pooling::bos, Pooling::mean}) {
    const int k = static_cast<int>(pooling);
    model.head.shape.pooling = pooling;
    context.observed_prefix = std::string(name_of(pooling)) + "/";
    embedding[k] = model.head.forward(context, rep, input.offsets, saved_head[k]);
  }
  context.observed_prefix = "";
  parity.compare(recorder, group, "", rows);
  if (!rounded.empty()) parity.compare(recorder, rounded, "", rows);
  if (!file.has("inputs/cotangent_rep")) return;

  const std::vector<double> cotangent = file.read_rows("inputs/cotangent_rep", rows);
  const Matrix<Real> drep = bench.inputs.matrix<Real>(rep.extent(0), rep.extent(1));
  {
    Recorder gradients;
    context.observer = gradients.observer();
    model.store.zero_gradients();
    to_device(drep, converted<Real>(cotangent));
    model.encoder.backward(context, saved, drep);
    parity.compare(group + "loss_rep", {dot(host(rep), cotangent)}, rows);
    parity.compare(gradients, group, group + "grad_rep/acts/", rows);
    compare_gradients(parity, model.store, group + "grad_rep/params/", none_is_zero);
  }
  context.observer = nullptr;
  const std::vector<double> cotangent2 = file.read("inputs/cotangent_embedding").values;
  for (const Pooling pooling : {Pooling::bos, Pooling::mean}) {
    const int k = static_cast<int>(pooling);
    const std::string name = name_of(pooling);
    parity.compare(group + "loss_" + name, {dot(host(embedding[k]), cotangent2)}, rows);
    model.store.zero_gradients();
    model.head.shape.pooling = pooling;
    const Matrix<Real> dembedding =
        bench.inputs.matrix<Real>(embedding[k].extent(0), embedding[k].extent(1));
    to_device(dembedding, converted<Real>(cotangent2));
    model.head.backward(context, saved_head[k], dembedding, drep);
    model.encoder.backward(context, saved, drep);
    compare_gradients(parity, model.store, group + "grad_" + name + "/params/", none_is_zero);
  }
}

TEST(SequenceEncoder, A_TinyForwardAndGradients) {
  const GoldenFile file('A');
  Parity parity(file);
  compare_golden_parameters(parity);
  compare_tokens(parity);
  compare_model<F64>(parity, "f64/", "");
  compare_model<F32>(parity, "f32/", "");
  parity.exclude("inputs/cotangent_", "input: coefficients of the losses");
  const Array mask = file.read("inputs/tokens_padding_mask");
  std::vector<double> valid;
  for (double padding : mask.values) valid.push_back(1 - padding);
  parity.compare_within("inputs/valid_positions", valid, 0, "tokens of the sequences");
  parity.finish();
}

TEST(SequenceEncoder, B_ReleasedShapeForward) {
  const GoldenFile file('B');
  Parity parity(file);
  compare_golden_parameters(parity);
  compare_tokens(parity);
  compare_model<F64>(parity, "f64/", "f64_as_f32/");
  compare_model<F32>(parity, "f32/", "");
  parity.finish();
}

}  // namespace
