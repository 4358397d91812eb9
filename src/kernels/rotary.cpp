// Rotary position embedding.
#include "kernels/rotary.hpp"

#include <cmath>

#include "tensor/loops.hpp"

namespace jespr::kernels {
namespace {

constexpr double rotary_base = 10000.0;

/// Cosines and sines of all angles, [rows, D / 2] each.
template <class T>
struct Angles {
  Matrix<T> cosine, sine;
};

template <class T>
Angles<T> angles_of(Workspace& scratch, int rows, int head_width) {
  const auto n = static_cast<std::size_t>(rows), half = static_cast<std::size_t>(head_width / 2);
  const Angles<T> angles{scratch.matrix<T>(n, half), scratch.matrix<T>(n, half)};
  const T exponent = static_cast<T>(-2.0 / head_width * std::log(rotary_base));
  for_rows(
      "rotary angles", rows, KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        row.for_each(head_width / 2, [&](int c) {
          const T angle = T(i) * Kokkos::exp(exponent * T(c));
          angles.cosine(i, c) = Kokkos::cos(angle);
          angles.sine(i, c) = Kokkos::sin(angle);
        });
      });
  return angles;
}

/// (x, y) is turned by the angle.
template <class T>
KOKKOS_FORCEINLINE_FUNCTION void turn(T& x, T& y, T cosine, T sine) {
  const T before = x;
  x = before * cosine - y * sine;
  y = y * cosine + before * sine;
}

/// Bias (if any), scale and turn, in `direction` (1 or -1).
template <class T>
void rotate(Workspace& scratch, Matrix<T> qkv, Vector<T> bias, const Offsets& offsets, int heads,
            bool rotary, T direction) {
  const int width = static_cast<int>(qkv.extent(1)) / 3;
  const int head_width = width / heads, half = head_width / 2;
  const T scale = static_cast<T>(1.0 / std::sqrt(static_cast<double>(head_width)));
  const bool with_bias = bias.extent(0) > 0;
  const auto protein = offsets.protein;
  const auto starts = offsets.starts;
  Scope scope(scratch);
  const Angles<T> angles = angles_of<T>(scratch, rotary ? offsets.longest : 0, head_width);
  for_rows(
      "scale and rotate", static_cast<int>(qkv.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        if (with_bias) row.for_each(3 * width, [&](int c) { qkv(i, c) += bias(c); });
        row.for_each(width, [&](int c) { qkv(i, c) *= scale; });
        if (!rotary) return;
        const int position = i - starts(protein(i));
        for (int first = 0; first < 2 * width; first += head_width)  // heads of q, then of k
          row.for_each(half, [&](int c) {
            turn(qkv(i, first + c), qkv(i, first + c + half), angles.cosine(position, c),
                 direction * angles.sine(position, c));
          });
      });
}

}  // namespace

template <class T>
void add_bias_scale_and_rotate(Workspace& scratch, Matrix<T> qkv, Vector<T> bias,
                               const Offsets& offsets, int heads, bool rotary) {
  rotate(scratch, qkv, bias, offsets, heads, rotary, T(1));
}

template <class T>
void scale_and_rotate_backward(Workspace& scratch, Matrix<T> dqkv, const Offsets& offsets,
                               int heads, bool rotary) {
  rotate(scratch, dqkv, Vector<T>(), offsets, heads, rotary, T(-1));
}

#define JESPR_INSTANTIATE(T)                                                                   \
  template void add_bias_scale_and_rotate<T>(Workspace&, Matrix<T>, Vector<T>, const Offsets&, \
                                             int, bool);                                       \
  template void scale_and_rotate_backward<T>(Workspace&, Matrix<T>, const Offsets&, int, bool);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
