// Backbones for tests.
#include "support/backbones.hpp"

#include <cmath>
#include <limits>

#include "support/arrays.hpp"

namespace jespr::test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Rotation matrix, row-major, of a random quaternion.
std::array<double, 9> rotation(std::uint64_t seed) {
  std::vector<double> q = random_numbers(4, seed);
  const double length = std::sqrt(dot(q, q));
  const double w = q[0] / length, x = q[1] / length, y = q[2] / length, z = q[3] / length;
  return {1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
          2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
          2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
}

}  // namespace

Backbone random_backbone(int residues, std::uint64_t seed) {
  const auto n = static_cast<std::size_t>(residues);
  const std::vector<double> draws = random_numbers(9 * n, seed);
  Backbone backbone(numbers_per_row, infinity);
  std::array<double, 3> ca = {1, 2, 3};
  for (std::size_t i = 0; i < n; ++i) {
    const double* d = &draws[9 * i];
    const double length = std::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    const double step = 3.8 + 0.1 * d[8];  // varied, so that no two distances are equal
    for (std::size_t k = 0; k < 3; ++k) ca[k] += step * d[k] / length;
    for (std::size_t atom = 0; atom < 3; ++atom)  // N and C some 1.5 Angstrom to either side
      for (std::size_t k = 0; k < 3; ++k)
        backbone.push_back(atom == 1 ? ca[k] : ca[k] + d[3 + atom / 2 * 3 + k] * 1.5);
  }
  backbone.insert(backbone.end(), numbers_per_row, infinity);
  return backbone;
}

void remove_residue(Backbone& backbone, int row) {
  for (std::size_t k = 0; k < numbers_per_row; ++k)
    backbone[static_cast<std::size_t>(row) * numbers_per_row + k] = infinity;
}

void break_before(Backbone& backbone, int row) {
  constexpr double gap = 9;
  for (std::size_t i = static_cast<std::size_t>(row) * numbers_per_row; i < backbone.size(); ++i)
    backbone[i] += gap;
}

std::array<double, 3> rotated(const std::array<double, 3>& v, std::uint64_t seed) {
  const std::array<double, 9> r = rotation(seed);
  std::array<double, 3> turned = {};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t k = 0; k < 3; ++k) turned[i] += r[3 * i + k] * v[k];
  return turned;
}

Backbone moved(const Backbone& backbone, std::uint64_t seed, const std::array<double, 3>& shift) {
  Backbone result = backbone;
  for (std::size_t atom = 0; atom < backbone.size(); atom += 3) {
    if (!std::isfinite(backbone[atom])) continue;
    const auto turned = rotated({backbone[atom], backbone[atom + 1], backbone[atom + 2]}, seed);
    for (std::size_t k = 0; k < 3; ++k) result[atom + k] = turned[k] + shift[k];
  }
  return result;
}

int rows_of(const Backbone& backbone) {
  return static_cast<int>(backbone.size() / numbers_per_row);
}

template <class T>
Packed<T> pack(Workspace& workspace, const std::vector<Backbone>& backbones,
               const std::vector<int>& identity) {
  std::vector<int> rows;
  std::vector<double> numbers, confidence;
  for (const Backbone& backbone : backbones) {
    rows.push_back(rows_of(backbone));
    numbers.insert(numbers.end(), backbone.begin(), backbone.end());
    for (int row = 0; row < rows.back(); ++row)
      confidence.push_back((row + 1.0) / (rows.back() + 1.0));
  }
  const Tensor3<T> coordinates = workspace.tensor<T>(confidence.size(), 3, 3);
  const Vector<T> confidences = workspace.vector<T>(confidence.size());
  to_device(coordinates, converted<T>(numbers));
  to_device(confidences, converted<T>(confidence));
  return {make_offsets(workspace, rows, identity), coordinates, confidences};
}

template Packed<float> pack<float>(Workspace&, const std::vector<Backbone>&,
                                   const std::vector<int>&);
template Packed<double> pack<double>(Workspace&, const std::vector<Backbone>&,
                                     const std::vector<int>&);

}  // namespace jespr::test
