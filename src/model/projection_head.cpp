// ProjectionHead.
#include "model/projection_head.hpp"

#include <numeric>

#include "kernels/dropout.hpp"

namespace jespr {
namespace {

constexpr int hidden_factor = 4;  // width of the hidden layer in units of J, the reference's

/// One row per protein with the same identities.
Offsets pooled_offsets_of(Workspace& workspace, const Offsets& offsets) {
  const auto proteins = static_cast<std::size_t>(offsets.proteins());
  const std::span<int> starts = workspace.host_array<int>(proteins + 1);
  std::iota(starts.begin(), starts.end(), 0);
  Offsets pooled;
  pooled.host = starts;
  pooled.starts = workspace.upload(starts);
  pooled.protein = Vector<const int>(pooled.starts.data(), proteins);
  pooled.identity = offsets.identity;
  pooled.longest = 1;
  return pooled;
}

}  // namespace

template <class P>
ProjectionHead<P> ProjectionHead<P>::add(ParameterStore<P>& store, const std::string& prefix,
                                         const HeadShape& shape) {
  ProjectionHead head;
  head.shape = shape;
  const std::string name = prefix + "joint_embedding_projection";
  if (shape.pooling == Pooling::attention)  // it starts as the mean
    head.query =
        Weight<P>(store.add(prefix + "attention_pooling.query", {shape.inputs}, Init::constant(0)));
  if (shape.kind == HeadKind::mlp_tanh) {
    head.hidden = Linear<P>::add(store, name + ".0", shape.inputs, hidden_factor * shape.width);
    head.hidden.activation = Activation::tanh;
    head.output = Linear<P>::add(store, name + ".2", hidden_factor * shape.width, shape.width);
  } else {
    head.output = Linear<P>::add(store, name + ".0", shape.inputs, shape.width);
  }
  head.norm = LayerNorm<P>::add(store, prefix + "after_proj_ln", shape.width);
  head.site = site_of(name);
  return head;
}

template <class P>
Matrix<typename P::Real> ProjectionHead<P>::forward(Context& context, Matrix<Real> rep,
                                                    const Offsets& offsets, Saved& saved) const {
  const std::size_t proteins = static_cast<std::size_t>(offsets.proteins());
  saved.offsets = offsets;
  Matrix<Real> x = context.saved.matrix<Real>(proteins, rep.extent(1));
  if (shape.pooling == Pooling::attention) {
    saved.rep = rep;
    saved.share = context.saved.vector<Real>(rep.extent(0));
    kernels::attention_pool(rep, offsets, flat(query.value()), saved.share, x);
  } else {
    kernels::pool(shape.pooling, rep, offsets, x);
  }
  context.observe("pooled", x);
  saved.pooled = x;
  if (shape.kind == HeadKind::mlp_tanh) x = hidden.forward(context, x, saved.hidden);
  x = output.forward(context, x, saved.output);
  context.observe("projected", x);
  if (context.training && shape.dropout > 0) {
    saved.pooled_offsets = pooled_offsets_of(context.saved, offsets);
    kernels::dropout(x, saved.pooled_offsets, context.random, site, shape.dropout);
  }
  x = norm.forward(context, x, saved.norm);
  context.observe("layernormed", x);
  saved.embedding = context.saved.matrix<Real>(proteins, x.extent(1));
  saved.length = context.saved.vector<Real>(proteins);
  kernels::normalize_rows(x, saved.embedding, saved.length);
  context.observe("embedding", saved.embedding);
  return saved.embedding;
}

template <class P>
void ProjectionHead<P>::backward(Context& context, const Saved& saved, Matrix<Real> dembedding,
                                 Matrix<Real> drep) const {
  Scope scope(context.scratch);
  const Matrix<Real> dx = dembedding;
  const Matrix<Real> dpooled = context.scratch.matrix<Real>(dx.extent(0), drep.extent(1));
  kernels::normalize_rows_backward(dx, saved.embedding, saved.length, dx);
  norm.backward(context, saved.norm, dx, dx);
  if (context.training && shape.dropout > 0)
    kernels::dropout(dx, saved.pooled_offsets, context.random, site, shape.dropout);
  if (shape.kind == HeadKind::mlp_tanh) {
    const Matrix<Real> dhidden = context.scratch.matrix<Real>(dx.extent(0), hidden.outputs());
    output.backward(context, saved.output, dx, dhidden);
    hidden.backward(context, saved.hidden, dhidden, dpooled);
  } else {
    output.backward(context, saved.output, dx, dpooled);
  }
  if (shape.pooling == Pooling::attention)
    kernels::attention_pool_backward(context.scratch, saved.rep, saved.offsets, flat(query.value()),
                                     saved.share, dpooled, drep, flat(query.gradient()));
  else
    kernels::pool_backward(shape.pooling, dpooled, saved.offsets, drep);
}

double published_operations(const HeadShape& shape, double proteins) {
  const double j = shape.width, c = shape.inputs;
  const double hidden = hidden_factor * j;
  return 2 * proteins * (shape.kind == HeadKind::mlp_tanh ? c * hidden + hidden * j : c * j);
}

template struct ProjectionHead<F32>;
template struct ProjectionHead<F64>;

}  // namespace jespr
