// Adam on flat buffers.
#include "kernels/adam.hpp"

#include <algorithm>

#include "tensor/loops.hpp"

namespace jespr::kernels {

void add_adam_runs(std::vector<AdamRun>& runs, std::size_t begin, std::size_t size, int step) {
  constexpr std::size_t longest = 4096;
  for (std::size_t done = 0; done < size; done += longest)
    runs.push_back({begin + done, static_cast<int>(std::min(longest, size - done)), step});
}

template <class T>
void adam_update(Vector<const AdamRun> runs, Vector<const AdamStep> steps, Vector<T> p, Vector<T> g,
                 Vector<T> m, Vector<T> v, Vector<T> a) {
  const bool averages = a.size() > 0;
  for_rows(
      "adam", static_cast<int>(runs.size()), KOKKOS_LAMBDA(const Row& row) {
        const AdamRun run = runs(row.index);
        const AdamStep step = steps(run.step);
        const T rate = static_cast<T>(step.rate / step.correction1);
        const T beta1 = static_cast<T>(step.beta1), beta2 = static_cast<T>(step.beta2);
        const T rest1 = static_cast<T>(1.0 - step.beta1), rest2 = static_cast<T>(1.0 - step.beta2);
        const T eps = static_cast<T>(step.eps), scale = static_cast<T>(step.gradient_scale);
        const T shrink = static_cast<T>(step.shrink), decay = static_cast<T>(step.gradient_decay);
        const T inverse_root2 = static_cast<T>(1.0 / Kokkos::sqrt(step.correction2));
        T *value = &p(run.begin), *first = &m(run.begin), *second = &v(run.begin);
        const T* given = &g(run.begin);
        row.for_each(run.length, [&](int i) {
          const T gradient = scale * given[i] + decay * value[i];
          first[i] = beta1 * first[i] + rest1 * gradient;
          second[i] = beta2 * second[i] + rest2 * gradient * gradient;
          value[i] =
              value[i] * shrink - rate * first[i] / (Kokkos::sqrt(second[i]) * inverse_root2 + eps);
        });
        if (!averages) return;  // a run's parameters are still in the cache
        const T share = static_cast<T>(1.0 - step.average_decay);
        T* average = &a(run.begin);
        row.for_each(run.length, [&](int i) { average[i] += share * (value[i] - average[i]); });
      });
}

template <class T>
void swap_values(Vector<T> x, Vector<T> y) {
  for_each(
      "swap", x.size(), KOKKOS_LAMBDA(const std::size_t i) {
        const T value = x(i);
        x(i) = y(i);
        y(i) = value;
      });
}

template <class T>
double sum_of_squares(Workspace& scratch, Vector<T> x) {
  constexpr int block = 4096;
  const std::size_t n = x.size();
  const int blocks = static_cast<int>((n + block - 1) / block);
  Scope scope(scratch);
  const Vector<double> partial = scratch.vector<double>(static_cast<std::size_t>(blocks));
  for_rows(
      "sum of squares", blocks, KOKKOS_LAMBDA(const Row& row) {
        const std::size_t begin = static_cast<std::size_t>(row.index) * block;
        const int length = static_cast<int>(n - begin < block ? n - begin : block);
        const double sum = row.sum<double>(length, [&](int i) {
          const double value = static_cast<double>(x(begin + static_cast<std::size_t>(i)));
          return value * value;
        });
        row.once([&]() { partial(row.index) = sum; });
      });
  double sum = 0;
  for (double value : scratch.download(partial)) sum += value;
  return sum;
}

template <class T>
void add_to(Vector<T> x, Vector<T> y) {
  for_each(
      "add", x.size(), KOKKOS_LAMBDA(const std::size_t i) { x(i) += y(i); });
}

template <class T>
void clamp_above(Vector<T> p, T largest) {
  for_each(
      "clamp", p.size(), KOKKOS_LAMBDA(const std::size_t i) {
        if (p(i) > largest) p(i) = largest;
      });
}

#define JESPR_INSTANTIATE(T)                                                             \
  template void adam_update<T>(Vector<const AdamRun>, Vector<const AdamStep>, Vector<T>, \
                               Vector<T>, Vector<T>, Vector<T>, Vector<T>);              \
  template void swap_values<T>(Vector<T>, Vector<T>);                                    \
  template double sum_of_squares<T>(Workspace&, Vector<T>);                              \
  template void add_to<T>(Vector<T>, Vector<T>);                                         \
  template void clamp_above<T>(Vector<T>, T);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
