// Gvp and GvpNorm.
#include "layers/gvp.hpp"

#include <cmath>

#include "kernels/activation.hpp"
#include "kernels/columns.hpp"
#include "kernels/vectors.hpp"

namespace jespr {

double published_operations(const GvpShape& shape, double rows) {
  const double hidden = shape.hidden(), gate = shape.gated ? shape.vectors_out : 0;
  return 2 * rows *
         (3 * hidden * (shape.vectors_in + shape.vectors_out) +
          shape.scalars_out * (shape.scalars_in + hidden + gate));
}

template <class P>
Gvp<P> Gvp<P>::add(ParameterStore<P>& store, const std::string& name, const GvpShape& shape) {
  const auto init = [](int inputs) { return Init::uniform(1.0 / std::sqrt(double(inputs))); };
  const int hidden = shape.hidden(), width = shape.scalars_in + hidden;
  Gvp gvp;
  gvp.shape = shape;
  gvp.wh =
      Weight<P>(store.add(name + ".wh.weight", {hidden, shape.vectors_in}, init(shape.vectors_in)));
  gvp.ws = Weight<P>(store.add(name + ".ws.weight", {shape.scalars_out, width}, init(width)));
  gvp.ws_bias = Weight<P>(store.add(name + ".ws.bias", {shape.scalars_out}, init(width)));
  gvp.wv = Weight<P>(store.add(name + ".wv.weight", {shape.vectors_out, hidden}, init(hidden)));
  if (shape.gated) {
    gvp.wg = Weight<P>(store.add(name + ".wg.weight", {shape.vectors_out, shape.scalars_out},
                                 init(shape.scalars_out)));
    gvp.wg_bias =
        Weight<P>(store.add(name + ".wg.bias", {shape.vectors_out}, init(shape.scalars_out)));
  }
  return gvp;
}

template <class P>
void Gvp<P>::freeze() const {
  for (const Weight<P>& weight : {wh, ws, ws_bias, wv, wg, wg_bias}) weight.freeze();
}

template <class P>
Features<typename P::Real> Gvp<P>::forward(Context& context, const Features<Real>& in,
                                           Saved& saved) const {
  const std::size_t n = in.rows();
  const int hidden = shape.hidden();
  saved.in = in;
  saved.vh = context.saved.tensor<Real>(n, 3, static_cast<std::size_t>(hidden));
  matmul_nt(context, channel_rows(in.v), wh.value(), channel_rows(saved.vh));
  saved.norms = context.saved.matrix<Real>(n, static_cast<std::size_t>(hidden));
  kernels::vector_norms(saved.vh, panel(saved.norms));

  const Features<Real> out =
      Features<Real>::take(context.saved, n, shape.scalars_out, shape.vectors_out);
  matmul_nt(context, in.s, columns_of(ws.value(), 0, shape.scalars_in), out.s);
  matmul_nt(context, saved.norms, columns_of(ws.value(), shape.scalars_in, hidden), out.s, Real(1));
  kernels::bias_activation(shape.gated ? Activation::relu : Activation::none, out.s,
                           flat(ws_bias.value()), out.s);
  saved.s = out.s;
  if (!shape.gated) {
    matmul_nt(context, channel_rows(saved.vh), wv.value(), channel_rows(out.v));
    return out;
  }
  saved.u = context.saved.tensor<Real>(n, 3, static_cast<std::size_t>(shape.vectors_out));
  matmul_nt(context, channel_rows(saved.vh), wv.value(), channel_rows(saved.u));
  saved.gate = context.saved.matrix<Real>(n, static_cast<std::size_t>(shape.vectors_out));
  matmul_nt(context, out.s, wg.value(), saved.gate);
  kernels::gate_vectors(saved.gate, flat(wg_bias.value()), saved.u, 0, out.v);
  return out;
}

template <class P>
void Gvp<P>::backward(Context& context, const Saved& saved, const Features<Real>& dout,
                      const Features<Real>* din) const {
  const std::size_t n = saved.in.rows();
  const int hidden = shape.hidden();
  const bool train = ws.trainable();
  Scope scope(context.scratch);
  // A gradient goes to its weights and to what they multiplied by products in turn.
  const LeftStays gradients_stay(context.products);
  if (shape.gated) {
    const Matrix<Real> dlogit =
        context.scratch.matrix<Real>(n, static_cast<std::size_t>(shape.vectors_out));
    kernels::gate_vectors_backward(saved.gate, saved.u, 0, dout.v, dlogit, dout.v);
    matmul_nn(context, dlogit, wg.value(), dout.s, Real(1));
    if (train) {
      matmul_tn(context, dlogit, saved.s, wg.gradient(), Real(1));
      kernels::add_column_sums(context.scratch, dlogit, flat(wg_bias.gradient()));
    }
  }
  const Matrix<Real> dnorms = context.scratch.matrix<Real>(n, static_cast<std::size_t>(hidden));
  const Tensor3<Real> dvh = context.scratch.tensor<Real>(n, 3, static_cast<std::size_t>(hidden));
  backward_scalars(context, saved, dout.s);
  matmul_nn(context, dout.s, columns_of(ws.value(), shape.scalars_in, hidden), dnorms);
  if (din) matmul_nn(context, dout.s, columns_of(ws.value(), 0, shape.scalars_in), din->s);
  matmul_nn(context, channel_rows(dout.v), wv.value(), channel_rows(dvh));
  if (train)
    matmul_tn(context, channel_rows(dout.v), channel_rows(saved.vh), wv.gradient(), Real(1));
  kernels::vector_norms_backward(saved.vh, panel(saved.norms), panel(dnorms), dvh, true);
  if (train)
    matmul_tn(context, channel_rows(dvh), channel_rows(saved.in.v), wh.gradient(), Real(1));
  if (din) matmul_nn(context, channel_rows(dvh), wh.value(), channel_rows(din->v));
}

template <class P>
void Gvp<P>::backward_scalars(Context& context, const Saved& saved, Matrix<Real> ds) const {
  const Activation activation = shape.gated ? Activation::relu : Activation::none;
  if (ws.trainable())
    kernels::activation_and_bias_backward(context.scratch, activation, saved.s, saved.s, ds,
                                          flat(ws_bias.gradient()));
  else
    kernels::activation_backward(activation, saved.s, saved.s, ds, ds);
  if (!ws.trainable()) return;
  matmul_tn(context, ds, saved.in.s, columns_of(ws.gradient(), 0, shape.scalars_in), Real(1));
  matmul_tn(context, ds, saved.norms, columns_of(ws.gradient(), shape.scalars_in, shape.hidden()),
            Real(1));
}

template <class P>
GvpNorm<P> GvpNorm<P>::add(ParameterStore<P>& store, const std::string& name, int scalars) {
  return {LayerNorm<P>::add(store, name + ".scalar_norm", scalars)};
}

template <class P>
void GvpNorm<P>::freeze() const {
  scalar_norm.freeze();
}

template <class P>
Features<typename P::Real> GvpNorm<P>::forward(Context& context, const Features<Real>& in,
                                               Saved& saved) const {
  Features<Real> out;
  out.s = scalar_norm.forward(context, in.s, saved.scalar_norm);
  out.v = context.saved.tensor<Real>(in.rows(), 3, in.v.extent(2));
  saved.v = in.v;
  kernels::vector_layer_norm(in.v, out.v);
  return out;
}

template <class P>
void GvpNorm<P>::backward(Context& context, const Saved& saved, const Features<Real>& d) const {
  scalar_norm.backward(context, saved.scalar_norm, d.s, d.s);
  kernels::vector_layer_norm_backward(d.v, saved.v, d.v);
}

template <class P>
void backward_embedding(Context& context, const Gvp<P>& gvp,
                        const typename Gvp<P>::Saved& gvp_saved, const GvpNorm<P>& norm,
                        const typename GvpNorm<P>::Saved& norm_saved,
                        const Features<typename P::Real>& d) {
  if (gvp.shape.hidden() > 1) {
    norm.backward(context, norm_saved, d);
    return gvp.backward(context, gvp_saved, d, nullptr);
  }
  norm.scalar_norm.backward(context, norm_saved.scalar_norm, d.s, d.s);
  gvp.backward_scalars(context, gvp_saved, d.s);
  kernels::single_channel_gradients(context.scratch, gvp_saved.in.v, flat(gvp.wh.value()),
                                    flat(gvp.wv.value()), d.v, d.s,
                                    columns_of(gvp.ws.value(), gvp.shape.scalars_in, 1),
                                    flat(gvp.wh.gradient()), flat(gvp.wv.gradient()));
}

template struct Gvp<F32>;
template struct Gvp<F64>;
template struct GvpNorm<F32>;
template struct GvpNorm<F64>;
#define JESPR_INSTANTIATE(P)                                                                  \
  template void backward_embedding<P>(Context&, const Gvp<P>&, const typename Gvp<P>::Saved&, \
                                      const GvpNorm<P>&, const typename GvpNorm<P>::Saved&,   \
                                      const Features<typename P::Real>&);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr
