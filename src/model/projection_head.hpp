// ProjectionHead: from an encoder's rows to a point on the unit sphere of the joint space.
#pragma once

#include <string>

#include "kernels/pooling.hpp"
#include "layers/layer_norm.hpp"
#include "layers/linear.hpp"

namespace jespr {

enum class HeadKind { mlp_tanh, linear };

struct HeadShape {
  HeadKind kind = HeadKind::mlp_tanh;
  int inputs = 0;   // C of the encoder
  int width = 512;  // J
  double dropout = 0;
  Pooling pooling = Pooling::bos;
};

/// embedding = l2(LayerNorm(Dropout(project(pool(rep))))); project = W2 tanh(W1 x + b1) + b2 with
/// hidden width 4 J (mlp_tanh, the reference's) or W x + b (linear).
template <class P>
struct ProjectionHead {
  using Real = typename P::Real;

  HeadShape shape;
  Weight<P> query;           // attention_pooling.query [C]; exists for that pooling alone
  Linear<P> hidden, output;  // joint_embedding_projection.0, .2; a linear head has only .0
  LayerNorm<P> norm;         // after_proj_ln
  std::uint32_t site = 0;

  struct Saved {
    Offsets offsets, pooled_offsets;  // of the encoder's rows; one row per protein
    typename Linear<P>::Saved hidden, output;
    typename LayerNorm<P>::Saved norm;
    Matrix<Real> rep;        // [N, C], and the weights of its rows: of attention pooling
    Vector<Real> share;      // [N]
    Matrix<Real> pooled;     // [B, C]
    Matrix<Real> embedding;  // [B, J]
    Vector<Real> length;     // [B], before normalisation
  };

  static ProjectionHead add(ParameterStore<P>& store, const std::string& prefix,
                            const HeadShape& shape);

  /// rep [N, C] -> embedding [B, J], rows of length 1.
  Matrix<Real> forward(Context& context, Matrix<Real> rep, const Offsets& offsets,
                       Saved& saved) const;
  /// `dembedding` is overwritten; drep [N, C] is assigned.
  void backward(Context& context, const Saved& saved, Matrix<Real> dembedding,
                Matrix<Real> drep) const;
};

double published_operations(const HeadShape& shape, double proteins);

}  // namespace jespr
