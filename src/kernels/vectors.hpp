// Vector channels [N, 3, U]: norms, gates, normalisation and local frames of the geometric vector
// perceptrons, forward and backward. Jing et al. 2021 (arXiv:2009.01411, arXiv:2106.03843).
#pragma once

#include <cstdint>

#include "base/philox.hpp"
#include "tensor/arena.hpp"
#include "tensor/matmul.hpp"
#include "tensor/offsets.hpp"
#include "tensor/views.hpp"

namespace jespr::kernels {

inline constexpr double vector_norm_eps = 1e-8;        // inside the perceptrons
inline constexpr double vector_layer_norm_eps = 1e-4;  // of the norm between layers

/// norms[i, c] = sqrt(|v[i, :, c]|^2 + 1e-8). v [N, 3, >= U], norms [N, U]: the first U channels.
template <class T>
void vector_norms(Tensor3<T> v, Panel<T> norms);

/// dv[i, :, c] (+)= dnorms[i, c] v[i, :, c] / norms[i, c] for the first U channels.
template <class T>
void vector_norms_backward(Tensor3<T> v, Panel<T> norms, Panel<T> dnorms, Tensor3<T> dv,
                           bool accumulate);

/// gate[i, c] = sigmoid(gate[i, c] + bias[c]); v[i, d, c] = gate[i, c] u[i, d, first + c].
/// u may have more channels than the gate; v [N, 3, U].
template <class T>
void gate_vectors(Matrix<T> gate, Vector<T> bias, Tensor3<T> u, int first, Tensor3<T> v);

/// v[i, d, c] = gate[i, c] u[i, d, first + c], with gates that are known.
template <class T>
void scale_vectors(Matrix<T> gate, Tensor3<T> u, int first, Tensor3<T> v);

/// dlogit = gate (1 - gate) sum_d dv u; du[i, d, first + c] = gate dv. dlogit [N, U] is assigned.
/// When `du` is the array of `dv`, first must be 0.
template <class T>
void gate_vectors_backward(Matrix<T> gate, Tensor3<T> u, int first, Tensor3<T> dv, Matrix<T> dlogit,
                           Tensor3<T> du);

/// Norm of vectors over channels: q_c = |v_c|^2 + eps; channels with q_c <= 2 eps are zeroed and
/// left out of the mean m = sum q_c / (eps + number kept); y = v rstd, rstd = 1 / sqrt(m + eps).
template <class T>
void vector_layer_norm(Tensor3<T> v, Tensor3<T> y);

/// dv_c = rstd dy_c - v_c rstd^3 / (eps + number kept) sum_c' dy_c' . v_c' over kept channels, 0
/// for the others. `dv` is assigned; it may be `dy`. In f64: along v, of which there may be only
/// one, the two terms cancel but for eps.
template <class T>
void vector_layer_norm_backward(Tensor3<T> dy, Tensor3<T> v, Tensor3<T> dv);

/// Gradients of two maps of a single channel, vh = wh v and u = wv vh, behind which a norm stands:
/// dwh and dwv [1] are added to, from dy of y = vector_layer_norm(u) and ds of scalars that read
/// vector_norms(vh) by `norm_weights`. v and dy [N, 3, 1], ds [N, S], norm_weights [S, 1]. In f64:
/// the norm takes the length of u away, and with it all but a ten thousandth of what the maps would
/// get; and terms of many rows cancel.
template <class T>
void single_channel_gradients(Workspace& scratch, Tensor3<T> v, Vector<T> wh, Vector<T> wv,
                              Tensor3<T> dy, Matrix<T> ds, Panel<T> norm_weights, Vector<T> dwh,
                              Vector<T> dwv);

/// out [N, S + 3U]: the scalars, then each vector's components along the rows of the residue's
/// frame, channel by channel: out[i, S + 3u + k] = sum_d frames[i, k, d] v[i, d, u].
template <class T>
void to_local_frames(Matrix<T> s, Tensor3<T> v, Tensor3<T> frames, Matrix<T> out);
/// ds and dv are assigned.
template <class T>
void to_local_frames_backward(Matrix<T> dout, Tensor3<T> frames, Matrix<T> ds, Tensor3<T> dv);

/// v[i, :, c] *= mask / (1 - rate): drops whole vectors. Counter as in kernels/dropout.hpp.
template <class T>
void drop_vectors(Tensor3<T> v, const Offsets& offsets, PhiloxKey key, std::uint32_t site,
                  double rate);

}  // namespace jespr::kernels
