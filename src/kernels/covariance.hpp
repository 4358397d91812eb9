// Variance and covariance of a batch's columns as a criterion (Bardes et al. 2022, VICReg,
// arXiv:2105.04906), and what they say of a set of points.
#pragma once

#include "tensor/views.hpp"

namespace jespr::kernels {

/// x_ic -= mean of column c, in place; means are f64. x [B, E].
template <class T>
void centre_columns(Matrix<T> x);

/// The criterion of one batch as hinge and covariance terms of its columns.
struct SpreadCriterion {
  double target = 1;      // standard deviation that every column should have
  double eps = 1e-4;      // below the root
  double variance = 0;    // factors of the gradient: of the hinge,
  double covariance = 0;  // of the squares
};

/// From the covariance C [E, E] of the columns to terms and gradient. With d_a = sqrt(C_aa + eps):
/// hinges[a] = max(0, target - d_a), squares[a] = sum_{b != a} C_ab^2. In place C -> G with
/// G_ab = covariance C_ab, G_aa = -variance / d_a where d_a < target, else 0: the gradient of the
/// criterion by the centred rows x is x G.
template <class T>
void spread_gradient(Matrix<T> c, const SpreadCriterion& criterion, Vector<double> hinges,
                     Vector<double> squares);

}  // namespace jespr::kernels
