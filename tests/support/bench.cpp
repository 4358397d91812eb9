// Parameters of layers under test.
#include "support/bench.hpp"

#include <algorithm>
#include <cmath>

#include "support/arrays.hpp"

namespace jespr::test {

template <class P>
void randomize(ParameterStore<P>& store, std::uint64_t seed) {
  for (auto& p : store.parameters()) {
    const bool is_gain = !p.is_matrix() && (p.name.ends_with("weight") || p.name.ends_with("gain"));
    std::vector<double> values =
        random_numbers(p.size, seed++, is_gain ? 0.5 : std::sqrt(3.0 / std::max(1, p.columns())));
    if (is_gain)
      for (double& value : values) value += 1;
    to_device(p.value, converted<typename P::Master>(values));
  }
  store.mark_updated();
}

namespace {

template <class P, class F>
std::vector<double> gathered(const ParameterStore<P>& store, const F& view_of) {
  std::vector<double> all;
  for (const auto& p : store.parameters()) {
    const auto host = to_host(view_of(p));
    all.insert(all.end(), host.begin(), host.end());
  }
  return all;
}

}  // namespace

template <class P>
std::vector<double> parameter_values(const ParameterStore<P>& store) {
  return gathered(store, [](const Parameter<P>& p) { return p.value; });
}

template <class P>
std::vector<double> parameter_gradients(const ParameterStore<P>& store) {
  return gathered(store, [](const Parameter<P>& p) { return p.gradient; });
}

template <class P>
void set_parameter_values(ParameterStore<P>& store, const std::vector<double>& values) {
  auto next = values.begin();
  for (auto& p : store.parameters()) {
    const auto end = next + static_cast<std::ptrdiff_t>(p.size);
    to_device(p.value, std::vector<typename P::Master>(next, end));
    next = end;
  }
  store.mark_updated();
}

#define JESPR_INSTANTIATE(P)                                                     \
  template void randomize<P>(ParameterStore<P>&, std::uint64_t);                 \
  template std::vector<double> parameter_values<P>(const ParameterStore<P>&);    \
  template std::vector<double> parameter_gradients<P>(const ParameterStore<P>&); \
  template void set_parameter_values<P>(ParameterStore<P>&, const std::vector<double>&);
JESPR_INSTANTIATE(F32)
JESPR_INSTANTIATE(F64)
#undef JESPR_INSTANTIATE

}  // namespace jespr::test
