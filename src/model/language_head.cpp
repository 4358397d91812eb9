// LanguageHead.
#include "model/language_head.hpp"

#include "data/alphabet.hpp"
#include "kernels/columns.hpp"
#include "kernels/language.hpp"
#include "tensor/loops.hpp"

namespace jespr {

LanguageSums& operator+=(LanguageSums& sum, const LanguageSums& more) {
  sum.loss += more.loss;
  sum.right += more.right;
  sum.tokens += more.tokens;
  return sum;
}

template <class P>
LanguageHead<P> LanguageHead<P>::add(ParameterStore<P>& store, const std::string& prefix,
                                     Weight<P> table) {
  LanguageHead head;
  const std::string name = prefix + "lm_head";
  head.dense = Linear<P>::add(store, name + ".dense", table.columns, table.columns);
  head.dense.activation = Activation::gelu;
  head.norm = LayerNorm<P>::add(store, name + ".layer_norm", table.columns);
  head.bias = Weight<P>(store.add(name + ".bias", {alphabet_size}, Init::constant(0)));
  head.table = table;
  return head;
}

template <class P>
void LanguageHead<P>::forward(Context& context, Matrix<Real> rep, std::span<const int> targets,
                              Saved& saved) const {
  Scope scope(context.scratch);
  const auto rows = context.scratch.host_array<int>(targets.size());
  const auto wanted = context.scratch.host_array<int>(targets.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] < 0) continue;
    rows[count] = static_cast<int>(i);
    wanted[count++] = targets[i];
  }
  saved.rows = context.saved.upload(rows.first(count));
  const Vector<const int> tokens = context.scratch.upload(wanted.first(count));
  const Matrix<Real> x = context.saved.matrix<Real>(count, rep.extent(1));
  kernels::gather_rows(rep, saved.rows, x);
  saved.normed = norm.forward(context, dense.forward(context, x, saved.dense), saved.norm);
  saved.residual = context.saved.matrix<Real>(count, alphabet_size);
  matmul_nt(context, saved.normed, table.value(), saved.residual);
  const Vector<double> losses = context.scratch.vector<double>(count);
  const Vector<double> right = context.scratch.vector<double>(count);
  kernels::cross_entropy(saved.residual, flat(bias.value()), tokens, losses, right);
  saved.sums = {};
  const auto host_losses = context.scratch.download(losses),
             host_right = context.scratch.download(right);
  for (std::size_t m = 0; m < count; ++m) saved.sums += {host_losses[m], host_right[m], 1.0};
}

template <class P>
void LanguageHead<P>::backward(Context& context, const Saved& saved, Real factor,
                               Matrix<Real> drep) const {
  Scope scope(context.scratch);
  const std::size_t count = saved.rows.size();
  const Matrix<Real> dlogits = context.scratch.matrix<Real>(count, alphabet_size);
  const Matrix<Real> dx = context.scratch.matrix<Real>(count, drep.extent(1));
  copy(dlogits, saved.residual);
  kernels::multiply(dlogits, factor);
  matmul_nn(context, dlogits, table.value(), dx);
  if (table.trainable()) matmul_tn(context, dlogits, saved.normed, table.gradient(), Real(1));
  kernels::add_column_sums(context.scratch, dlogits, flat(bias.gradient()));
  norm.backward(context, saved.norm, dx, dx);
  const Matrix<Real> dgathered = context.scratch.matrix<Real>(count, drep.extent(1));
  dense.backward(context, saved.dense, dx, dgathered);
  kernels::scatter_rows(dgathered, saved.rows, drep);
}

template struct LanguageHead<F32>;
template struct LanguageHead<F64>;

}  // namespace jespr
