// GvpBlock: one layer of the graph encoder: messages, then a feed-forward, each added and normed.
#pragma once

#include <string>

#include "layers/gvp_conv.hpp"
#include "tensor/offsets.hpp"

namespace jespr {

/// x = Norm0(x + Dropout(GvpConv(x))); x = Norm1(x + Dropout(W2 W1 x)), W1 a gated perceptron to
/// (4 S, 2 U) and W2 a linear one back. Dropout drops scalars and whole vectors.
template <class P>
struct GvpBlock {
  using Real = typename P::Real;

  GvpConv<P> conv;
  GvpNorm<P> conv_norm, feed_forward_norm;  // `name`.norm.{0,1}
  Gvp<P> expand, contract;                  // `name`.ff_func.{0,1}
  double dropout = 0;
  std::uint32_t conv_site = 0, feed_forward_site = 0;  // of random numbers

  struct Saved {
    typename GvpConv<P>::Saved conv;
    typename GvpNorm<P>::Saved conv_norm, feed_forward_norm;
    typename Gvp<P>::Saved expand, contract;
  };

  static GvpBlock add(ParameterStore<P>& store, const std::string& name, const GvpConvShape& shape,
                      double dropout);
  void freeze() const;

  /// `number` counts layers from 1, for observers; `differentiate` as in GvpConv.
  Features<Real> forward(Context& context, const Features<Real>& nodes, const Features<Real>& edges,
                         const Graph& graph, const Offsets& offsets, int number, Saved& saved,
                         bool differentiate = true) const;
  /// In place: `d` holds the gradient of the output on entry, of `nodes` on return. `dedges`,
  /// unless null, is added to.
  void backward(Context& context, const Saved& saved, const Graph& graph, const Offsets& offsets,
                int number, const Features<Real>& d, const Features<Real>* dedges) const;
};

}  // namespace jespr
