// Geometry of the backbone: what the structure encoder sees of each residue. A protein's rows are
// start row, residues, end row; start and end have no coordinates. Atoms are N, CA, C.
// Ingraham et al. 2019 (NeurIPS), Jing et al. 2021 (arXiv:2009.01411), Hsu et al. 2022 (ICML).
#pragma once

#include "tensor/arena.hpp"
#include "tensor/offsets.hpp"
#include "tensor/views.hpp"

namespace jespr {

/// How missing coordinates act.
/// reference: as in ESM-IF1, every number that is not finite becomes 0, so that features beside
///   gaps and ends see the origin, and the result changes when the protein is shifted.
/// invariant: a residue is complete or missing; a feature that touches a missing residue, an end,
///   or a chain break is the zero vector, cosine 1, sine 0.
enum class GeometryMode { reference, invariant };

namespace kernels {

inline constexpr int atoms_per_residue = 3;
inline constexpr int coordinates_per_residue = 9;
inline constexpr int dihedral_features = 6;     // cos phi, psi, omega, then sin
inline constexpr int node_scalar_features = 7;  // dihedrals and "is complete"
inline constexpr int node_vector_features = 3;  // forward, backward, side chain
inline constexpr int local_features = 15;       // dihedrals and the vectors in the local frame
inline constexpr double longest_link = 4.5;     // Angstrom between CA of neighbours in a chain

template <class T>
struct NodeGeometry {
  Vector<int> complete;  // [N] 1 if all nine numbers are finite
  Matrix<T> scalars;     // [N, 7]
  Tensor3<T> vectors;    // [N, 3, 3] (xyz, channel)
  Matrix<T> dihedrals;   // [N, 6] as the transformer's own embedding computes them
  Matrix<T> local;       // [N, 15]
  Tensor3<T> frames;     // [N, 3, 3] rows e1, e2, e3; zero where the residue is missing
};

/// All node features in memory of `workspace`. coordinates [N, 3 (N, CA, C), 3 (xyz)] in Angstrom;
/// a number that is not finite is missing. Computed in f64 whatever T is.
/// Dihedral of atoms a, b, c, d: sign(u2.n1) acos(n2.n1) with u2, u1, u0 the unit vectors of ab,
/// bc, cd, n2 = unit(u2 x u1), n1 = unit(u1 x u0). Side chain: -sqrt(1/3) b - sqrt(2/3) p with
/// c = unit(C - CA), n = unit(N - CA), b = unit(c + n), p = unit(c x n). Frame: e1 = c, e2 = unit
/// of (N - CA) without its part along e1, e3 = e1 x e2.
template <class T>
NodeGeometry<T> node_geometry(Workspace& workspace, GeometryMode mode, Tensor3<const T> coordinates,
                              const Offsets& offsets);

/// Radial basis of a scalar: out[i, k] = exp(-((x[i] - c_k) / s)^2), 16 centres from `low` to
/// `high` inclusive, s = (high - low) / 16.
inline constexpr int radial_functions = 16;
template <class T>
void radial_basis(Vector<const T> x, double low, double high, Matrix<T> out);

/// out[i] = complete[i] ? confidence[i] : 0.
template <class T>
void masked_confidence(Vector<const T> confidence, Vector<const int> complete, Vector<T> out);

/// Sinusoidal positions (Vaswani et al. 2017, fair-esm's variant): position p = row in the protein
/// + 2; columns k < C/2: sin(p w_k), then cos(p w_k), w_k = 10000^(-k / (C/2 - 1)).
/// x[i, :] += them. C even.
template <class T>
void add_sinusoidal_positions(Workspace& scratch, Matrix<T> x, const Offsets& offsets);

}  // namespace kernels
}  // namespace jespr
