// Geometry of the backbone.
#include "kernels/geometry.hpp"

#include "kernels/math.hpp"
#include "kernels/point.hpp"
#include "tensor/loops.hpp"

namespace jespr::kernels {
namespace {

/// Atoms of a protein by their place in the chain N, CA, C, N, CA, C, ... of its rows; missing
/// numbers are 0, and so is everything outside.
template <class T>
struct Chain {
  Tensor3<const T> coordinates;
  int first_row, rows;

  KOKKOS_FUNCTION Point atom(int place) const {
    if (place < 0 || place >= atoms_per_residue * rows) return {};
    const int row = first_row + place / atoms_per_residue, a = place % atoms_per_residue;
    const auto number = [&](int xyz) {
      const T value = coordinates(row, a, xyz);
      return Kokkos::isfinite(value) ? static_cast<double>(value) : 0.0;
    };
    return {number(0), number(1), number(2)};
  }
  /// Of the residue in row r of the protein.
  KOKKOS_FUNCTION Point n(int r) const { return atom(atoms_per_residue * r); }
  KOKKOS_FUNCTION Point ca(int r) const { return atom(atoms_per_residue * r + 1); }
  KOKKOS_FUNCTION Point c(int r) const { return atom(atoms_per_residue * r + 2); }

  KOKKOS_FUNCTION bool is_complete(int r) const {
    if (r < 0 || r >= rows) return false;
    for (int a = 0; a < atoms_per_residue; ++a)
      for (int xyz = 0; xyz < 3; ++xyz)
        if (!Kokkos::isfinite(coordinates(first_row + r, a, xyz))) return false;
    return true;
  }
  /// Rows r and r + 1 are complete residues, linked in the chain.
  KOKKOS_FUNCTION bool is_linked(int r) const {
    const Point step = ca(r + 1) - ca(r);
    return is_complete(r) && is_complete(r + 1) && dot(step, step) <= longest_link * longest_link;
  }
};

struct Angle {
  double cosine = 1, sine = 0;
};

/// Dihedral angle over four atoms, as cosine and sine; `unit` normalises. Degenerate: angle 0.
template <class Unit>
KOKKOS_FUNCTION Angle dihedral(Point a, Point b, Point c, Point d, const Unit& unit) {
  constexpr double bound = 1.0 - 1e-7;  // of the reference: keeps acos finite
  const Point u2 = unit(b - a), u1 = unit(c - b), u0 = unit(d - c);
  const Point n2 = unit(cross(u2, u1)), n1 = unit(cross(u1, u0));
  const double side = dot(u2, n1);
  if (side == 0) return {};
  double cosine = dot(n2, n1);
  cosine = cosine > bound ? bound : (cosine < -bound ? -bound : cosine);
  const double sine = Kokkos::sqrt((1.0 - cosine) * (1.0 + cosine));
  return {cosine, side > 0 ? sine : -sine};
}

struct SoftUnit {
  KOKKOS_FUNCTION Point operator()(Point a) const { return soft_unit(a); }
};
struct HardUnit {
  KOKKOS_FUNCTION Point operator()(Point a) const { return hard_unit(a); }
};

KOKKOS_FUNCTION Point side_chain(Point n_step, Point c_step) {
  const Point c = soft_unit(c_step), n = soft_unit(n_step);
  const Point bisector = soft_unit(c + n), perpendicular = soft_unit(cross(c, n));
  return -Kokkos::sqrt(1.0 / 3.0) * bisector + -Kokkos::sqrt(2.0 / 3.0) * perpendicular;
}

template <class T>
KOKKOS_FUNCTION void node_features(int i, GeometryMode mode, const Chain<T>& chain,
                                   const NodeGeometry<T>& out) {
  const bool strict = mode == GeometryMode::invariant;
  const int r = i - chain.first_row;
  const bool complete = chain.is_complete(r);
  const bool before = !strict || chain.is_linked(r - 1), after = !strict || chain.is_linked(r);
  const bool here = !strict || complete;
  out.complete(i) = complete;

  for (int k = 0; k < atoms_per_residue; ++k) {  // phi, psi, omega
    const int place = atoms_per_residue * r + k;
    const bool counts = k == 0 ? before : after;
    Angle soft, hard;
    if (counts && place > 0 && place + 2 < atoms_per_residue * chain.rows) {
      const Point a = chain.atom(place - 1), b = chain.atom(place), c = chain.atom(place + 1),
                  d = chain.atom(place + 2);
      soft = dihedral(a, b, c, d, SoftUnit{});
      hard = dihedral(a, b, c, d, HardUnit{});
    }
    out.scalars(i, k) = static_cast<T>(soft.cosine);
    out.scalars(i, atoms_per_residue + k) = static_cast<T>(soft.sine);
    out.dihedrals(i, k) = static_cast<T>(hard.cosine);
    out.dihedrals(i, atoms_per_residue + k) = static_cast<T>(hard.sine);
  }
  out.scalars(i, dihedral_features) = complete ? T(1) : T(0);

  const Point origin;
  const Point n_step = here ? chain.n(r) - chain.ca(r) : origin;
  const Point c_step = here ? chain.c(r) - chain.ca(r) : origin;
  const bool has_next = r + 1 < chain.rows, has_previous = r > 0;
  const Point vectors[node_vector_features] = {
      after && has_next ? soft_unit(chain.ca(r + 1) - chain.ca(r)) : origin,
      before && has_previous ? soft_unit(chain.ca(r - 1) - chain.ca(r)) : origin,
      side_chain(n_step, c_step)};
  const Point e1 = soft_unit(c_step);
  const Point e2 = soft_unit(n_step - dot(e1, n_step) * e1);
  const Point frame[3] = {e1, e2, cross(e1, e2)};
  for (int k = 0; k < 3; ++k) {
    out.frames(i, k, 0) = static_cast<T>(frame[k].x);
    out.frames(i, k, 1) = static_cast<T>(frame[k].y);
    out.frames(i, k, 2) = static_cast<T>(frame[k].z);
  }
  for (int u = 0; u < node_vector_features; ++u) {
    out.vectors(i, 0, u) = static_cast<T>(vectors[u].x);
    out.vectors(i, 1, u) = static_cast<T>(vectors[u].y);
    out.vectors(i, 2, u) = static_cast<T>(vectors[u].z);
    for (int k = 0; k < 3; ++k)
      out.local(i, dihedral_features + 3 * u + k) = static_cast<T>(dot(frame[k], vectors[u]));
  }
  for (int k = 0; k < dihedral_features; ++k) out.local(i, k) = out.scalars(i, k);
}

}  // namespace

template <class T>
NodeGeometry<T> node_geometry(Workspace& workspace, GeometryMode mode, Tensor3<const T> coordinates,
                              const Offsets& offsets) {
  const std::size_t n = coordinates.extent(0);
  NodeGeometry<T> out;
  out.complete = workspace.vector<int>(n);
  out.scalars = workspace.matrix<T>(n, node_scalar_features);
  out.vectors = workspace.tensor<T>(n, 3, node_vector_features);
  out.dihedrals = workspace.matrix<T>(n, dihedral_features);
  out.local = workspace.matrix<T>(n, local_features);
  out.frames = workspace.tensor<T>(n, 3, 3);
  const auto starts = offsets.starts;
  const auto protein = offsets.protein;
  for_each(
      "node geometry", n, KOKKOS_LAMBDA(const std::size_t row) {
        const int i = static_cast<int>(row), b = protein(i);
        const Chain<T> chain{coordinates, starts(b), starts(b + 1) - starts(b)};
        node_features(i, mode, chain, out);
      });
  return out;
}

template <class T>
void radial_basis(Vector<const T> x, double low, double high, Matrix<T> out) {
  const double spacing = (high - low) / (radial_functions - 1);
  const double inverse_width = radial_functions / (high - low);
  for_each(
      "radial basis", x.extent(0), KOKKOS_LAMBDA(const std::size_t i) {
        for (int k = 0; k < radial_functions; ++k) {
          const T z = static_cast<T>((double(x(i)) - (low + k * spacing)) * inverse_width);
          out(i, k) = exponential_of_negative(-z * z);
        }
      });
}

template <class T>
void masked_confidence(Vector<const T> confidence, Vector<const int> complete, Vector<T> out) {
  for_each(
      "masked confidence", out.extent(0),
      KOKKOS_LAMBDA(const std::size_t i) { out(i) = complete(i) ? confidence(i) : T(0); });
}

template <class T>
void add_sinusoidal_positions(Workspace& scratch, Matrix<T> x, const Offsets& offsets) {
  constexpr double longest_wave = 10000.0;
  constexpr int first_position = 2;  // 0 and 1 are the reference's padding
  const int columns = static_cast<int>(x.extent(1)), half = columns / 2;
  const double step = half > 1 ? -Kokkos::log(longest_wave) / (half - 1) : 0.0;
  Scope scope(scratch);
  const Matrix<T> table = scratch.matrix<T>(static_cast<std::size_t>(offsets.longest), x.extent(1));
  for_rows(
      "table of positions", offsets.longest, KOKKOS_LAMBDA(const Row& row) {
        const int r = row.index;
        row.for_each(half, [&](int k) {
          const double angle = (r + first_position) * Kokkos::exp(step * k);
          table(r, k) = static_cast<T>(Kokkos::sin(angle));
          table(r, half + k) = static_cast<T>(Kokkos::cos(angle));
        });
      });
  const auto starts = offsets.starts;
  const auto protein = offsets.protein;
  for_rows(
      "add positions", static_cast<int>(x.extent(0)), KOKKOS_LAMBDA(const Row& row) {
        const int i = row.index, r = i - starts(protein(i));
        row.for_each(columns, [&](int c) { x(i, c) += table(r, c); });
      });
}

#define JESPR_INSTANTIATE(T)                                                            \
  template NodeGeometry<T> node_geometry<T>(Workspace&, GeometryMode, Tensor3<const T>, \
                                            const Offsets&);                            \
  template void radial_basis<T>(Vector<const T>, double, double, Matrix<T>);            \
  template void masked_confidence<T>(Vector<const T>, Vector<const int>, Vector<T>);    \
  template void add_sinusoidal_positions<T>(Workspace&, Matrix<T>, const Offsets&);
JESPR_INSTANTIATE(float)
JESPR_INSTANTIATE(double)
#undef JESPR_INSTANTIATE

}  // namespace jespr::kernels
