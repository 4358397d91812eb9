// Rotary position embedding.
#include "kernels/rotary.hpp"

#include <cmath>

#include "tensor/loops.hpp"

namespace jespr::kernels {
namespace {

constexpr double rotary_base = 10000.0;

template <class T>
void rotate(Matrix<T> qkv, const Offsets& offsets, int heads, bool rotary, T direction) {
  const int width = static_cast<int>(qkv.extent(1)) / 3;
  const int head_width = width / heads;
  const int half = head_width / 2;
  const T scale = static_cast<T>(1.0 / std::sqrt(static_cast<double>(head_width)));
  const auto protein = offsets.protein;
  const auto starts = offsets.starts;
  const T exponent = static_cast<T>(-2.0 / head_width * std::log(rotary_base));
  for_rows(
      "scale and rotate", static_cast<int>(qkv.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        if (!rotary) {
          row.for_each(width, [&](int c) { qkv(i, c) *= scale; });
          return;
        }
        const T position = static_cast<T>(i - starts(protein(i)));
        row.for_each(half, [&](int c) {
          const T angle = position * Kokkos::exp(exponent * T(c));
          const T cosine = Kokkos::cos(angle);
          const T sine = direction * Kokkos::sin(angle);
          for (int h = 0; h < heads; ++h) {
            const int q = h * head_width + c, k = width + q;
            const T q1 = qkv(i, q) * scale, q2 = qkv(i, q + half) * scale;
            qkv(i, q) = q1 * cosine - q2 * sine;
            qkv(i, q + half) = q2 * cosine + q1 * sine;
            const T k1 = qkv(i, k), k2 = qkv(i, k + half);
            qkv(i, k) = k1 * cosine - k2 * sine;
            qkv(i, k + half) = k2 * cosine + k1 * sine;
          }
        });
      });
}

}  // namespace

template <class T>
void scale_and_rotate(Matrix<T> qkv, const Offsets& offsets, int heads, bool rotary) {
  rotate(qkv, offsets, heads, rotary, T(1));
}

template <class T>
void scale_and_rotate_backward(Matrix<T> dqkv, const Offsets& offsets, int heads, bool rotary) {
  rotate(dqkv, offsets, heads, rotary, T(-1));
}

template void scale_and_rotate<float>(Matrix<float>, const Offsets&, int, bool);
template void scale_and_rotate<double>(Matrix<double>, const Offsets&, int, bool);
template void scale_and_rotate_backward<float>(Matrix<float>, const Offsets&, int, bool);
template void scale_and_rotate_backward<double>(Matrix<double>, const Offsets&, int, bool);

}  // namespace jespr::kernels
