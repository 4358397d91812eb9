// Gvp: the geometric vector perceptron (Jing et al. 2021, arXiv:2009.01411; gates: 2106.03843) on
// rows of scalar and vector channels, and the norm that goes with it.
#pragma once

#include <string>

#include "layers/layer_norm.hpp"
#include "tensor/context.hpp"
#include "tensor/store.hpp"

namespace jespr {

/// Scalar channels [N, S] and vector channels [N, 3, U] of the same rows.
template <class T>
struct Features {
  Matrix<T> s;
  Tensor3<T> v;

  std::size_t rows() const { return s.extent(0); }
  int scalars() const { return static_cast<int>(s.extent(1)); }
  int vectors() const { return static_cast<int>(v.extent(2)); }

  template <class Memory>
  static Features take(Memory& memory, std::size_t rows, int scalars, int vectors) {
    return {memory.template matrix<T>(rows, static_cast<std::size_t>(scalars)),
            memory.template tensor<T>(rows, 3, static_cast<std::size_t>(vectors))};
  }
  static Features zeros(Workspace& workspace, std::size_t rows, int scalars, int vectors) {
    const Features x = take(workspace, rows, scalars, vectors);
    fill(x.s, T(0));
    fill(x.v, T(0));
    return x;
  }
};

struct GvpShape {
  int scalars_in = 0, vectors_in = 0;
  int scalars_out = 0, vectors_out = 0;
  bool gated = false;  // gated ones also have a relu on their scalars

  int hidden() const { return vectors_in > vectors_out ? vectors_in : vectors_out; }
};

/// Operations (2 x multiply-adds) of one perceptron's linear maps.
double published_operations(const GvpShape& shape, double rows);

/// vh = Wh v; n_c = sqrt(|vh_c|^2 + 1e-8); s' = act(Ws [s, n] + b); v' = Wv vh, and if gated
/// v'_c *= sigmoid(Wg s' + bg)_c. Maps of vectors have no bias.
template <class P>
struct Gvp {
  using Real = typename P::Real;

  GvpShape shape;
  Weight<P> wh;           // [hidden, vectors_in]
  Weight<P> ws, ws_bias;  // [scalars_out, scalars_in + hidden]
  Weight<P> wv;           // [vectors_out, hidden]
  Weight<P> wg, wg_bias;  // [vectors_out, scalars_out], only if gated

  struct Saved {
    Features<Real> in;
    Tensor3<Real> vh;      // [N, 3, hidden]
    Matrix<Real> norms;    // [N, hidden]
    Tensor3<Real> u;       // [N, 3, vectors_out], before the gate
    Matrix<Real> s, gate;  // [N, scalars_out], [N, vectors_out]
  };

  /// `name`.wh.weight, .ws.{weight,bias}, .wv.weight, .wg.{weight,bias}; PyTorch's default start.
  static Gvp add(ParameterStore<P>& store, const std::string& name, const GvpShape& shape);
  void freeze() const;

  /// The output is taken from the context's saved memory.
  Features<Real> forward(Context& context, const Features<Real>& in, Saved& saved) const;
  /// `dout` is overwritten; `din` is assigned, or null for a layer whose input is data.
  void backward(Context& context, const Saved& saved, const Features<Real>& dout,
                const Features<Real>* din) const;
  /// The part of `backward` that has to do with Ws: from its output, in place, to in front of the
  /// activation, and its gradient.
  void backward_scalars(Context& context, const Saved& saved, Matrix<Real> ds) const;
};

/// Layer norm of the scalars (eps 1e-5) and norm of the vectors (kernels/vectors.hpp).
template <class P>
struct GvpNorm {
  using Real = typename P::Real;

  LayerNorm<P> scalar_norm;  // `name`.scalar_norm.{weight,bias}

  struct Saved {
    typename LayerNorm<P>::Saved scalar_norm;
    Tensor3<Real> v;
  };

  static GvpNorm add(ParameterStore<P>& store, const std::string& name, int scalars);
  void freeze() const;

  Features<Real> forward(Context& context, const Features<Real>& in, Saved& saved) const;
  /// In place: `d` holds the gradient of the output on entry, of the input on return.
  void backward(Context& context, const Saved& saved, const Features<Real>& d) const;
};

/// Backward through a norm and a perceptron before it whose input is data: one after the other, but
/// the maps of a single vector channel in f64 (`kernels::single_channel_gradients`). `d`, the
/// gradient of the norm's output, is overwritten.
template <class P>
void backward_embedding(Context& context, const Gvp<P>& gvp,
                        const typename Gvp<P>::Saved& gvp_saved, const GvpNorm<P>& norm,
                        const typename GvpNorm<P>::Saved& norm_saved,
                        const Features<typename P::Real>& d);

}  // namespace jespr
