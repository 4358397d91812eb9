// Linear: y = x W^T + b on packed rows, optionally through an activation.
#pragma once

#include <string>

#include "kernels/activation.hpp"
#include "tensor/context.hpp"
#include "tensor/matmul.hpp"
#include "tensor/store.hpp"

namespace jespr {

/// y = act(x W^T + b).  x [N, C] -> y [N, O].
template <class P>
struct Linear {
  using Real = typename P::Real;

  Weight<P> weight;  // [O, C]
  Weight<P> bias;    // [O]; may not exist
  Activation activation = Activation::none;

  struct Saved {
    Matrix<Real> x, h, y;  // input, before and after the activation
  };

  /// Registers `name`.weight [O, C] and, unless `with_bias` is false, `name`.bias [O].
  static Linear add(ParameterStore<P>& store, const std::string& name, int inputs, int outputs,
                    Init weight_init, Init bias_init, bool with_bias = true);
  /// PyTorch's default start: both uniform on +-1/sqrt(C).
  static Linear add(ParameterStore<P>& store, const std::string& name, int inputs, int outputs,
                    bool with_bias = true);

  int outputs() const { return weight.rows; }
  void freeze() const {
    weight.freeze();
    bias.freeze();
  }

  /// y is taken from the context's saved memory.
  Matrix<Real> forward(Context& context, Matrix<Real> x, Saved& saved) const;
  /// x W^T alone, where whoever comes next adds the bias in a pass of its own; without activation.
  Matrix<Real> product(Context& context, Matrix<Real> x, Saved& saved) const;
  /// Parameter gradients accumulate; dx [N, C] is assigned. `dy` is overwritten when there is an
  /// activation.
  void backward(Context& context, const Saved& saved, Matrix<Real> dy, Matrix<Real> dx) const;
  /// The same without dx: for a first layer, whose input is data.
  void backward_parameters(Context& context, const Saved& saved, Matrix<Real> dy) const;
};

}  // namespace jespr
