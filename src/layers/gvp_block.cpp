// GvpBlock.
#include "layers/gvp_block.hpp"

#include <fmt/format.h>

#include "kernels/activation.hpp"
#include "kernels/dropout.hpp"
#include "kernels/vectors.hpp"
#include "tensor/loops.hpp"

namespace jespr {
namespace {

template <class T>
void drop(Context& context, const Features<T>& x, const Offsets& offsets, std::uint32_t site,
          double rate) {
  if (!context.training || rate == 0) return;
  kernels::dropout(x.s, offsets, context.random, site, rate);
  // The sites of scalars and vectors differ in one bit, so that their numbers are unrelated.
  kernels::drop_vectors(x.v, offsets, context.random, ~site, rate);
}

/// y += x.
template <class T>
void add_to(const Features<T>& x, const Features<T>& y) {
  kernels::add(x.s, y.s, y.s);
  kernels::add(channel_rows(x.v), channel_rows(y.v), channel_rows(y.v));
}

template <class T>
void copy_features(const Features<T>& to, const Features<T>& from) {
  copy(to.s, from.s);
  copy(to.v, from.v);
}

}  // namespace

template <class P>
GvpBlock<P> GvpBlock<P>::add(ParameterStore<P>& store, const std::string& name,
                             const GvpConvShape& shape, double dropout) {
  const int s = shape.scalars, u = shape.vectors;
  GvpBlock block;
  block.conv = GvpConv<P>::add(store, name + ".conv", shape);
  block.conv_norm = GvpNorm<P>::add(store, name + ".norm.0", s);
  block.feed_forward_norm = GvpNorm<P>::add(store, name + ".norm.1", s);
  block.expand = Gvp<P>::add(store, name + ".ff_func.0", {s, u, 4 * s, 2 * u, true});
  block.contract = Gvp<P>::add(store, name + ".ff_func.1", {4 * s, 2 * u, s, u, false});
  block.dropout = dropout;
  block.conv_site = site_of(name + ".conv");
  block.feed_forward_site = site_of(name + ".ff_func");
  return block;
}

template <class P>
void GvpBlock<P>::freeze() const {
  conv.freeze();
  conv_norm.freeze();
  feed_forward_norm.freeze();
  expand.freeze();
  contract.freeze();
}

template <class P>
Features<typename P::Real> GvpBlock<P>::forward(Context& context, const Features<Real>& nodes,
                                                const Features<Real>& edges, const Graph& graph,
                                                const Offsets& offsets, int number, Saved& saved,
                                                bool differentiate) const {
  const Features<Real> messages =
      conv.forward(context, nodes, edges, graph, saved.conv, differentiate);
  context.observe(fmt::format("gvp/conv_{}_s", number), messages.s);
  context.observe(fmt::format("gvp/conv_{}_v", number), messages.v);
  drop(context, messages, offsets, conv_site, dropout);
  add_to(nodes, messages);
  const Features<Real> middle = conv_norm.forward(context, messages, saved.conv_norm);

  const Features<Real> hidden = expand.forward(context, middle, saved.expand);
  const Features<Real> branch = contract.forward(context, hidden, saved.contract);
  drop(context, branch, offsets, feed_forward_site, dropout);
  add_to(middle, branch);
  const Features<Real> out = feed_forward_norm.forward(context, branch, saved.feed_forward_norm);
  context.observe(fmt::format("gvp/layer_{}_s", number), out.s);
  context.observe(fmt::format("gvp/layer_{}_v", number), out.v);
  return out;
}

template <class P>
void GvpBlock<P>::backward(Context& context, const Saved& saved, const Graph& graph,
                           const Offsets& offsets, int number, const Features<Real>& d,
                           const Features<Real>* dedges) const {
  context.observe_gradient(fmt::format("gvp/layer_{}_s", number), d.s);
  context.observe_gradient(fmt::format("gvp/layer_{}_v", number), d.v);
  const int s = conv.shape.scalars, u = conv.shape.vectors;
  Workspace& scratch = context.scratch;
  Scope scope(scratch);
  const Features<Real> dbranch = Features<Real>::take(scratch, d.rows(), s, u);
  {
    Scope inner(scratch);
    const Features<Real> dhidden = Features<Real>::take(scratch, d.rows(), 4 * s, 2 * u);
    const Features<Real> dmiddle = Features<Real>::take(scratch, d.rows(), s, u);
    feed_forward_norm.backward(context, saved.feed_forward_norm, d);
    copy_features(dbranch, d);
    drop(context, dbranch, offsets, feed_forward_site, dropout);
    contract.backward(context, saved.contract, dbranch, &dhidden);
    expand.backward(context, saved.expand, dhidden, &dmiddle);
    add_to(dmiddle, d);
  }
  conv_norm.backward(context, saved.conv_norm, d);
  copy_features(dbranch, d);
  drop(context, dbranch, offsets, conv_site, dropout);
  context.observe_gradient(fmt::format("gvp/conv_{}_s", number), dbranch.s);
  context.observe_gradient(fmt::format("gvp/conv_{}_v", number), dbranch.v);
  conv.backward(context, saved.conv, graph, dbranch, d, dedges);
}

template struct GvpBlock<F32>;
template struct GvpBlock<F64>;

}  // namespace jespr
