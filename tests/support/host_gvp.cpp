// The geometric vector perceptron on the host.
#include "support/host_gvp.hpp"

#include <algorithm>
#include <cmath>

namespace jespr::test {
namespace {

/// y[d, o] = sum_c w[o, c] x[d, c] for `blocks` rows d.
std::vector<double> mapped(const Parameter<F64>& weight, const std::vector<double>& x,
                           std::size_t blocks) {
  const std::vector<double> w = to_host(weight.value);
  const auto rows = static_cast<std::size_t>(weight.rows()),
             columns = static_cast<std::size_t>(weight.columns());
  std::vector<double> y(blocks * rows, 0.0);
  for (std::size_t d = 0; d < blocks; ++d)
    for (std::size_t o = 0; o < rows; ++o)
      for (std::size_t c = 0; c < columns; ++c)
        y[d * rows + o] += w[o * columns + c] * x[d * columns + c];
  return y;
}

}  // namespace

GvpRow host_gvp(ParameterStore<F64>& store, const std::string& name, const GvpRow& in) {
  const std::vector<double> vh = mapped(*store.find(name + ".wh.weight"), in.v, 3);
  const std::size_t hidden = vh.size() / 3;
  GvpRow out;
  std::vector<double> x = in.s;
  for (std::size_t c = 0; c < hidden; ++c)
    x.push_back(std::sqrt(vh[c] * vh[c] + vh[hidden + c] * vh[hidden + c] +
                          vh[2 * hidden + c] * vh[2 * hidden + c] + 1e-8));
  const std::vector<double> bias = to_host(store.find(name + ".ws.bias")->value);
  out.s = mapped(*store.find(name + ".ws.weight"), x, 1);
  for (std::size_t c = 0; c < out.s.size(); ++c) out.s[c] += bias[c];
  out.v = mapped(*store.find(name + ".wv.weight"), vh, 3);
  const Parameter<F64>* gate = store.find(name + ".wg.weight");
  if (!gate) return out;
  for (double& s : out.s) s = std::max(s, 0.0);
  const std::vector<double> logit = mapped(*gate, out.s, 1),
                            shift = to_host(store.find(name + ".wg.bias")->value);
  for (std::size_t k = 0; k < out.v.size(); ++k) {
    const std::size_t c = k % logit.size();
    out.v[k] /= 1 + std::exp(-logit[c] - shift[c]);
  }
  return out;
}

GvpRow joined(const std::vector<GvpRow>& rows) {
  GvpRow all;
  for (const GvpRow& row : rows) all.s.insert(all.s.end(), row.s.begin(), row.s.end());
  for (std::size_t d = 0; d < 3; ++d)
    for (const GvpRow& row : rows) {
      const auto begin = row.v.begin() + static_cast<std::ptrdiff_t>(d * row.vectors());
      all.v.insert(all.v.end(), begin, begin + static_cast<std::ptrdiff_t>(row.vectors()));
    }
  return all;
}

}  // namespace jespr::test
