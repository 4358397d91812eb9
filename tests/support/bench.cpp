// Parameters of layers under test, and timing.
#include "support/bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

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

bool timing_wanted() { return std::getenv("JESPR_TEST_TIMING") != nullptr; }

void report_time(const std::string& what, double bytes, double operations,
                 const std::function<void()>& body) {
  constexpr int repeats = 9;
  std::vector<double> seconds;
  for (int i = 0; i <= repeats; ++i) {
    Kokkos::Timer timer;
    body();
    Kokkos::fence("timing");
    if (i > 0) seconds.push_back(timer.seconds());  // the first one warms up
  }
  std::nth_element(seconds.begin(), seconds.begin() + repeats / 2, seconds.end());
  const double median = seconds[repeats / 2];
  std::string line = fmt::format("[   TIME   ] {:<52} {:9.3f} ms", what, 1e3 * median);
  if (bytes > 0) line += fmt::format(" {:8.2f} GB/s", 1e-9 * bytes / median);
  if (operations > 0) line += fmt::format(" {:8.2f} GFLOP/s", 1e-9 * operations / median);
  fmt::print("{}\n", line);
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
