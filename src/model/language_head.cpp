// LanguageHead.
#include "model/language_head.hpp"

#include "data/alphabet.hpp"
#include "kernels/language.hpp"
#include "tensor/loops.hpp"

namespace jespr {

template <class P>
LanguageHead<P> LanguageHead<P>::add(ParameterStore<P>& store, const std::string& prefix,
                                     Weight<P> table) {
  LanguageHead head;
  const std::string name = prefix + "lm_head";
  head.dense = Linear<P>::add(store, name + ".dense", table.columns, table.columns);
  head.dense.activation = Activation::gelu;
  head.norm = LayerNorm<P>::add(store, name + ".layer_norm", table.columns);
  head.tokens.bias = Weight<P>(store.add(name + ".bias", {alphabet_size}, Init::constant(0)));
  head.tokens.table = table;
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
  const Matrix<Real> x = context.saved.matrix<Real>(count, rep.extent(1));
  kernels::gather_rows(rep, saved.rows, x);
  const Matrix<Real> normed =
      norm.forward(context, dense.forward(context, x, saved.dense), saved.norm);
  tokens.forward(context, normed, wanted.first(count), saved.tokens);
}

template <class P>
void LanguageHead<P>::backward(Context& context, const Saved& saved, Real factor,
                               Matrix<Real> drep) const {
  Scope scope(context.scratch);
  const std::size_t count = saved.rows.size();
  const Matrix<Real> dx = context.scratch.matrix<Real>(count, drep.extent(1));
  tokens.backward(context, saved.tokens, factor, dx, Real(0));
  norm.backward(context, saved.norm, dx, dx);
  const Matrix<Real> dgathered = context.scratch.matrix<Real>(count, drep.extent(1));
  dense.backward(context, saved.dense, dx, dgathered);
  kernels::scatter_rows(dgathered, saved.rows, drep);
}

template struct LanguageHead<F32>;
template struct LanguageHead<F64>;

}  // namespace jespr
