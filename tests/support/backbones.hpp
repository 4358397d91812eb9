// Backbones for tests: chains of residues with plausible geometry, gaps, breaks and odd lengths,
// and what is done to them: rotation, translation, packing.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tensor/offsets.hpp"
#include "tensor/views.hpp"

namespace jespr::test {

/// Atoms N, CA, C of the rows of one protein: start row, residues, end row; [rows, 3, 3]. Start and
/// end rows are infinite.
using Backbone = std::vector<double>;

inline constexpr std::size_t numbers_per_row = 9;

/// `residues` residues, CA about 3.8 Angstrom apart, a function of the seed alone.
Backbone random_backbone(int residues, std::uint64_t seed);
/// Row `row` (0 is the start row) loses its coordinates.
void remove_residue(Backbone& backbone, int row);
/// Everything from row `row` on moves away, so that the chain is broken before it.
void break_before(Backbone& backbone, int row);

/// Turned by the rotation that `seed` draws, then moved by `shift`.
Backbone moved(const Backbone& backbone, std::uint64_t seed, const std::array<double, 3>& shift);
/// A vector turned by the same rotation.
std::array<double, 3> rotated(const std::array<double, 3>& v, std::uint64_t seed);

int rows_of(const Backbone& backbone);

/// Backbones end to end on the device, in memory of `workspace`.
template <class T>
struct Packed {
  Offsets offsets;
  Tensor3<const T> coordinates;
  Vector<const T> confidence;  // (row + 1) / (rows + 1) of each protein
};
template <class T>
Packed<T> pack(Workspace& workspace, const std::vector<Backbone>& backbones,
               const std::vector<int>& identity = {});

}  // namespace jespr::test
