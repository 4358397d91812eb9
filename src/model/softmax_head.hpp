// SoftmaxHead: which of many classes a row belongs to, and the cross entropy of what is known.
#pragma once

#include <span>

#include "tensor/context.hpp"
#include "tensor/matmul.hpp"
#include "tensor/store.hpp"

namespace jespr {

/// Sums over rows whose class is known, f64.
struct PredictionSums {
  double loss = 0;   // of -log p
  double right = 0;  // whose class is the likeliest
  double rows = 0;

  double mean_loss() const { return rows > 0 ? loss / rows : 0; }
  double accuracy() const { return rows > 0 ? right / rows : 0; }
};
PredictionSums& operator+=(PredictionSums& sum, const PredictionSums& more);

/// p(class | row) = softmax(scale x W^T + b).  x [M, C], W [A, C], b [A].
template <class P>
struct SoftmaxHead {
  using Real = typename P::Real;

  Weight<P> table, bias;  // W and b
  double scale = 1;

  struct Saved {
    Matrix<Real> x;         // [M, C]
    Matrix<Real> residual;  // [M, A] p - (1 for the class); 0 where none is known
    PredictionSums sums;
  };

  bool exists() const { return table.exists(); }
  int classes() const { return table.rows; }
  /// Sums of the rows of x into saved.sums. targets [M]: classes, or -1 for none.
  void forward(Context& context, Matrix<Real> x, std::span<const int> targets, Saved& saved) const;
  /// Of `factor` times the sum of losses: dx [M, C] = gradient + beta dx; parameter gradients
  /// accumulate.
  void backward(Context& context, const Saved& saved, Real factor, Matrix<Real> dx,
                Real beta) const;
};

}  // namespace jespr
