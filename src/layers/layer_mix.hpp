// LayerMix: a weighted sum of the outputs of the last layers of a stack.
#pragma once

#include <string>
#include <vector>

#include "tensor/context.hpp"
#include "tensor/store.hpp"

namespace jespr {

/// y = sum_j a_j x_j over the last n layers, j = 0 the lowest of them. a_j = 1 / n, or softmax(w)_j
/// with learned w (Peters et al. 2018, arXiv:1802.05365; their overall factor is left out, as the
/// layer norm behind takes it away). With n = 1 there is nothing to do and `exists()` is false.
template <class P>
struct LayerMix {
  using Real = typename P::Real;

  int layers = 1;    // n
  Weight<P> weight;  // w [n]; may not exist

  struct Saved {
    Vector<Real> share;           // a [n]
    Matrix<Real> sum;             // y [N, C]
    std::vector<Matrix<Real>> x;  // of each layer; empty where nobody goes backward
  };

  /// The last `layers`; `learned`: registers `name` [n], started at 0, so that all count alike.
  static LayerMix add(ParameterStore<P>& store, const std::string& name, int layers, bool learned);

  bool exists() const { return layers > 1; }
  bool trains() const { return weight.exists() && weight.trainable(); }

  /// Before the first layer, for `like`'s rows and columns.
  void begin(Context& context, Matrix<Real> like, Saved& saved, bool differentiate) const;
  /// The j-th term.
  void add_term(Saved& saved, int j, Matrix<Real> x) const;

  /// The gradient of w, accumulated.
  void backward_weights(Context& context, const Saved& saved, Matrix<Real> dsum) const;
  /// dx = a_j dsum, or with `accumulate` dx +=.
  void backward_term(const Saved& saved, int j, Matrix<Real> dsum, Matrix<Real> dx,
                     bool accumulate) const;
};

}  // namespace jespr
