// Vector channels.
#include "kernels/vectors.hpp"

#include "kernels/columns.hpp"
#include "kernels/dropout.hpp"
#include "kernels/math.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {

template <class T>
void vector_norms(Tensor3<T> v, Panel<T> norms) {
  for_rows(
      "vector norms", norms.rows, KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const T *x = &v(i, 0, 0), *y = &v(i, 1, 0), *z = &v(i, 2, 0);
        T* out = norms.data + std::size_t(i) * norms.stride;
        row.for_each(norms.columns, [&](int c) {
          out[c] = Kokkos::sqrt(x[c] * x[c] + y[c] * y[c] + z[c] * z[c] + T(vector_norm_eps));
        });
      });
}

template <class T>
void vector_norms_backward(Tensor3<T> v, Panel<T> norms, Panel<T> dnorms, Tensor3<T> dv,
                           bool accumulate) {
  for_rows(
      "vector norms backward", norms.rows, KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const T* norm = norms.data + std::size_t(i) * norms.stride;
        const T* dnorm = dnorms.data + std::size_t(i) * dnorms.stride;
        const T *x = &v(i, 0, 0), *y = &v(i, 1, 0), *z = &v(i, 2, 0);
        T *dx = &dv(i, 0, 0), *dy = &dv(i, 1, 0), *dz = &dv(i, 2, 0);
        row.for_each(norms.columns, [&](int c) {  // one division for three components
          const T ratio = dnorm[c] / norm[c];
          dx[c] = accumulate ? dx[c] + ratio * x[c] : ratio * x[c];
          dy[c] = accumulate ? dy[c] + ratio * y[c] : ratio * y[c];
          dz[c] = accumulate ? dz[c] + ratio * z[c] : ratio * z[c];
        });
      });
}

namespace {

/// v[i, d, c] = gate[i, c] u[i, d, first + c] of one row.
template <class T>
KOKKOS_FORCEINLINE_FUNCTION void scale_row(const Row& row, const Matrix<T>& gate,
                                           const Tensor3<T>& u, int first, const Tensor3<T>& v) {
  const int i = row.index, channels = static_cast<int>(gate.extent(1));
  const T* g = &gate(i, 0);
  for (int d = 0; d < 3; ++d) {
    const T* from = &u(i, d, first);
    T* to = &v(i, d, 0);
    row.for_each(channels, [&](int c) { to[c] = g[c] * from[c]; });
  }
}

}  // namespace

template <class T>
void gate_vectors(Matrix<T> gate, Vector<T> bias, Tensor3<T> u, int first, Tensor3<T> v) {
  const int channels = static_cast<int>(gate.extent(1));
  for_rows(
      "gate vectors", static_cast<int>(gate.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        T* g = &gate(row.index, 0);
        row.for_each(channels, [&](int c) { g[c] = sigmoid(g[c] + bias(c)); });
        scale_row(row, gate, u, first, v);
      });
}

template <class T>
void scale_vectors(Matrix<T> gate, Tensor3<T> u, int first, Tensor3<T> v) {
  for_rows(
      "scale vectors", static_cast<int>(gate.extent(0)),
      KOKKOS_LAMBDA(const Row& row) { scale_row(row, gate, u, first, v); });
}

template <class T>
void gate_vectors_backward(Matrix<T> gate, Tensor3<T> u, int first, Tensor3<T> dv, Matrix<T> dlogit,
                           Tensor3<T> du) {
  const int channels = static_cast<int>(gate.extent(1));
  for_rows(
      "gate vectors backward", static_cast<int>(gate.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        const T *g = &gate(i, 0), *ux = &u(i, 0, first), *uy = &u(i, 1, first),
                *uz = &u(i, 2, first), *dx = &dv(i, 0, 0), *dy = &dv(i, 1, 0), *dz = &dv(i, 2, 0);
        T *out = &dlogit(i, 0), *dux = &du(i, 0, first), *duy = &du(i, 1, first),
          *duz = &du(i, 2, first);
        row.for_each(channels, [&](int c) {
          const T x = dx[c], y = dy[c], z = dz[c];
          out[c] = g[c] * (T(1) - g[c]) * (x * ux[c] + y * uy[c] + z * uz[c]);
          dux[c] = g[c] * x;
          duy[c] = g[c] * y;
          duz[c] = g[c] * z;
        });
      });
}

namespace {

/// |v_c|^2, and whether the channel is long enough to be kept by the norm.
template <class Sum, class T>
KOKKOS_FORCEINLINE_FUNCTION Sum squared(const T* v, int channels, int c) {
  const Sum x = v[c], y = v[channels + c], z = v[2 * channels + c];
  return x * x + y * y + z * z;
}
template <class Sum>
KOKKOS_FORCEINLINE_FUNCTION bool is_kept(Sum length2) {
  return length2 + Sum(vector_layer_norm_eps) > Sum(2) * Sum(vector_layer_norm_eps);
}

/// eps + number of channels kept, and rstd.
template <class Sum>
struct VectorScale {
  Sum kept, inverse;
};
template <class Sum, class T>
KOKKOS_FORCEINLINE_FUNCTION VectorScale<Sum> scale_of(const Row& row, const T* v, int channels) {
  constexpr Sum eps = Sum(vector_layer_norm_eps);
  const Sum kept = eps + row.template sum<Sum>(channels, [&](int c) {
    return is_kept(squared<Sum>(v, channels, c)) ? Sum(1) : Sum(0);
  });
  const Sum total = row.template sum<Sum>(channels, [&](int c) {
    const Sum q = squared<Sum>(v, channels, c);
    return is_kept(q) ? q + eps : Sum(0);
  });
  return {kept, Sum(1) / Kokkos::sqrt(total / kept + eps)};
}

}  // namespace

template <class T>
void vector_layer_norm(Tensor3<T> v, Tensor3<T> y) {
  const int channels = static_cast<int>(v.extent(2));
  for_rows(
      "vector layer norm", static_cast<int>(v.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const T* from = &v(row.index, 0, 0);
        T* to = &y(row.index, 0, 0);
        const T inverse = scale_of<T>(row, from, channels).inverse;
        row.for_each(channels, [&](int c) {
          const T factor = is_kept(squared<T>(from, channels, c)) ? inverse : T(0);
          for (int d = 0; d < 3; ++d) to[d * channels + c] = factor * from[d * channels + c];
        });
      });
}

template <class T>
void vector_layer_norm_backward(Tensor3<T> dy, Tensor3<T> v, Tensor3<T> dv) {
  const int channels = static_cast<int>(v.extent(2));
  for_rows(
      "vector layer norm backward", static_cast<int>(v.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const T *x = &v(row.index, 0, 0), *g = &dy(row.index, 0, 0);
        T* out = &dv(row.index, 0, 0);
        const VectorScale<double> norm = scale_of<double>(row, x, channels);
        const double along = row.template sum<double>(channels, [&](int c) {
          double sum = 0;
          for (int d = 0; d < 3; ++d)
            sum += static_cast<double>(g[d * channels + c]) * x[d * channels + c];
          return is_kept(squared<double>(x, channels, c)) ? sum : 0.0;
        });
        const double scale = norm.inverse, common = along * scale * scale * scale / norm.kept;
        row.for_each(channels, [&](int c) {
          const double mask = is_kept(squared<double>(x, channels, c)) ? 1 : 0;
          for (int d = 0; d < 3; ++d) {
            const int k = d * channels + c;
            out[k] = static_cast<T>(mask * (scale * g[k] - common * x[k]));
          }
        });
      });
}

template <class T>
void single_channel_gradients(Workspace& scratch, Tensor3<T> v, Vector<T> wh, Vector<T> wv,
                              Tensor3<T> dy, Matrix<T> ds, Panel<T> norm_weights, Vector<T> dwh,
                              Vector<T> dwv) {
  Scope scope(scratch);
  const int scalars = norm_weights.rows;
  const Vector<double> sum_wh = scratch.vector<double>(1), sum_wv = scratch.vector<double>(1);
  fill(sum_wh, 0);
  fill(sum_wv, 0);
  add_column_sums<double, 2>(
      "single channel gradients", scratch, static_cast<int>(v.extent(0)), 1, {{sum_wh, sum_wv}},
      KOKKOS_LAMBDA(int i, int) {
        constexpr double eps = vector_layer_norm_eps;
        const double inner = wh(0), both = inner * wv(0);  // vh = inner v, u = both v
        double length2 = 0, slope = 0;                     // |v|^2, dy . v
        for (int d = 0; d < 3; ++d) {
          const double x = v(i, d, 0);
          length2 += x * x;
          slope += dy(i, d, 0) * x;
        }
        const double q = both * both * length2,
                     scale = 1 / Kokkos::sqrt((q + eps) / (1 + eps) + eps);
        const double common = both * slope * scale * scale * scale / (1 + eps);
        const double du_v = is_kept(q) ? scale * slope - common * both * length2 : 0.0;  // du . v
        const double norm = Kokkos::sqrt(inner * inner * length2 + vector_norm_eps);
        double dnorm = 0;
        for (int c = 0; c < scalars; ++c)
          dnorm += static_cast<double>(ds(i, c)) *
                   norm_weights.data[std::size_t(c) * std::size_t(norm_weights.stride)];
        return Kokkos::Array<double, 2>{
            {wv(0) * du_v + dnorm * inner * length2 / norm, inner * du_v}};
      });
  for_each(
      "single channel gradients", 1, KOKKOS_LAMBDA(const std::size_t) {
        dwh(0) += static_cast<T>(sum_wh(0));
        dwv(0) += static_cast<T>(sum_wv(0));
      });
}

template <class T>
void to_local_frames(Matrix<T> s, Tensor3<T> v, Tensor3<T> frames, Matrix<T> out) {
  const int scalars = static_cast<int>(s.extent(1)), channels = static_cast<int>(v.extent(2));
  for_rows(
      "to local frames", static_cast<int>(s.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        row.for_each(scalars, [&](int c) { out(i, c) = s(i, c); });
        row.for_each(channels, [&](int u) {
          for (int k = 0; k < 3; ++k)
            out(i, scalars + 3 * u + k) = frames(i, k, 0) * v(i, 0, u) +
                                          frames(i, k, 1) * v(i, 1, u) +
                                          frames(i, k, 2) * v(i, 2, u);
        });
      });
}

template <class T>
void to_local_frames_backward(Matrix<T> dout, Tensor3<T> frames, Matrix<T> ds, Tensor3<T> dv) {
  const int scalars = static_cast<int>(ds.extent(1)), channels = static_cast<int>(dv.extent(2));
  for_rows(
      "to local frames backward", static_cast<int>(ds.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index;
        row.for_each(scalars, [&](int c) { ds(i, c) = dout(i, c); });
        row.for_each(channels, [&](int u) {
          for (int d = 0; d < 3; ++d)
            dv(i, d, u) = frames(i, 0, d) * dout(i, scalars + 3 * u) +
                          frames(i, 1, d) * dout(i, scalars + 3 * u + 1) +
                          frames(i, 2, d) * dout(i, scalars + 3 * u + 2);
        });
      });
}

template <class T>
void drop_vectors(Tensor3<T> v, const Offsets& offsets, PhiloxKey key, std::uint32_t site,
                  double rate) {
  const std::uint32_t threshold = dropout_threshold(rate);
  const T kept = static_cast<T>(1.0 / (1.0 - rate));
  const int channels = static_cast<int>(v.extent(2));
  const auto protein = offsets.protein;
  const auto starts = offsets.starts;
  const auto identity = offsets.identity;
  for_rows(
      "drop vectors", static_cast<int>(v.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index, b = protein(i);
        const DropoutRow draw{key, static_cast<std::uint32_t>(identity(b)), site,
                              static_cast<std::uint32_t>(i - starts(b)), threshold};
        for_each_mask(row, draw, channels, [&](int c, bool drops) {
          for (int d = 0; d < 3; ++d) v(i, d, c) *= drops ? T(0) : kept;
        });
      });
}

#define JESPR_INSTANTIATE(T)                                                                \
  template void vector_norms<T>(Tensor3<T>, Panel<T>);                                      \
  template void vector_norms_backward<T>(Tensor3<T>, Panel<T>, Panel<T>, Tensor3<T>, bool); \
  template void gate_vectors<T>(Matrix<T>, Vector<T>, Tensor3<T>, int, Tensor3<T>);         \
  template void scale_vectors<T>(Matrix<T>, Tensor3<T>, int, Tensor3<T>);                   \
  template void gate_vectors_backward<T>(Matrix<T>, Tensor3<T>, int, Tensor3<T>, Matrix<T>, \
                                         Tensor3<T>);                                       \
  template void vector_layer_norm<T>(Tensor3<T>, Tensor3<T>);                               \
  template void vector_layer_norm_backward<T>(Tensor3<T>, Tensor3<T>, Tensor3<T>);          \
  template void single_channel_gradients<T>(Workspace&, Tensor3<T>, Vector<T>, Vector<T>,   \
                                            Tensor3<T>, Matrix<T>, Panel<T>, Vector<T>,     \
                                            Vector<T>);                                     \
  template void to_local_frames<T>(Matrix<T>, Tensor3<T>, Tensor3<T>, Matrix<T>);           \
  template void to_local_frames_backward<T>(Matrix<T>, Tensor3<T>, Matrix<T>, Tensor3<T>);  \
  template void drop_vectors<T>(Tensor3<T>, const Offsets&, PhiloxKey, std::uint32_t, double);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
