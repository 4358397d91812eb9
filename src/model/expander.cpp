// Expander.
#include "model/expander.hpp"

#include <cmath>

namespace jespr {

template <class P>
Expander<P> Expander<P>::add(ParameterStore<P>& store, const std::string& name, int inputs,
                             int width) {
  Expander expander;
  const Init bias = Init::uniform(1 / std::sqrt(static_cast<double>(inputs)));
  expander.first = Linear<P>::add(store, name + ".0", inputs, width, Init::uniform(1), bias);
  expander.first.activation = Activation::relu;
  expander.first_norm = LayerNorm<P>::add(store, name + ".1", width);
  expander.second = Linear<P>::add(store, name + ".2", width, width);
  expander.second.activation = Activation::relu;
  expander.second_norm = LayerNorm<P>::add(store, name + ".3", width);
  expander.third = Linear<P>::add(store, name + ".4", width, width, false);
  return expander;
}

template <class P>
Matrix<typename P::Real> Expander<P>::forward(Context& context, Matrix<Real> x,
                                              Saved& saved) const {
  x = first_norm.forward(context, first.forward(context, x, saved.first), saved.first_norm);
  x = second_norm.forward(context, second.forward(context, x, saved.second), saved.second_norm);
  return third.forward(context, x, saved.third);
}

template <class P>
void Expander<P>::backward(Context& context, const Saved& saved, Matrix<Real> dz,
                           Matrix<Real> dx) const {
  Scope scope(context.scratch);
  const Matrix<Real> hidden = context.scratch.matrix<Real>(dz.extent(0), dz.extent(1));
  third.backward(context, saved.third, dz, hidden);
  second_norm.backward(context, saved.second_norm, hidden, hidden);
  second.backward(context, saved.second, hidden, dz);
  first_norm.backward(context, saved.first_norm, dz, dz);
  first.backward(context, saved.first, dz, dx);
}

double expander_operations(double inputs, double width, double rows) {
  return 2 * rows * (inputs * width + 2 * width * width);
}

template struct Expander<F32>;
template struct Expander<F64>;

}  // namespace jespr
