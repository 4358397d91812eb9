// SoftmaxHead.
#include "model/softmax_head.hpp"

#include "kernels/columns.hpp"
#include "kernels/language.hpp"
#include "tensor/loops.hpp"

namespace jespr {

PredictionSums& operator+=(PredictionSums& sum, const PredictionSums& more) {
  sum.loss += more.loss;
  sum.right += more.right;
  sum.rows += more.rows;
  return sum;
}

template <class P>
void SoftmaxHead<P>::forward(Context& context, Matrix<Real> x, std::span<const int> targets,
                             Saved& saved) const {
  Scope scope(context.scratch);
  const std::size_t rows = targets.size();
  saved.x = x;
  saved.residual = context.saved.matrix<Real>(rows, static_cast<std::size_t>(classes()));
  matmul_nt(context, x, table.value(), saved.residual, Real(0), static_cast<Real>(scale));
  const Vector<double> losses = context.scratch.vector<double>(rows);
  const Vector<double> right = context.scratch.vector<double>(rows);
  kernels::cross_entropy(saved.residual, flat(bias.value()), context.scratch.upload(targets),
                         losses, right);
  saved.sums = {};
  const auto host_losses = context.scratch.download(losses),
             host_right = context.scratch.download(right);
  for (std::size_t m = 0; m < rows; ++m)
    if (targets[m] >= 0) saved.sums += {host_losses[m], host_right[m], 1.0};
}

template <class P>
void SoftmaxHead<P>::backward(Context& context, const Saved& saved, Real factor, Matrix<Real> dx,
                              Real beta) const {
  Scope scope(context.scratch);
  const Matrix<Real> dlogits =
      context.scratch.matrix<Real>(saved.residual.extent(0), saved.residual.extent(1));
  const Real inner = static_cast<Real>(scale);
  copy(dlogits, saved.residual);
  kernels::multiply(dlogits, factor);
  matmul_nn(context, dlogits, table.value(), dx, beta, inner);
  if (table.trainable()) matmul_tn(context, dlogits, saved.x, table.gradient(), Real(1), inner);
  kernels::add_column_sums(context.scratch, dlogits, flat(bias.gradient()));
}

template struct SoftmaxHead<F32>;
template struct SoftmaxHead<F64>;

}  // namespace jespr
