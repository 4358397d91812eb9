// Backbone geometry: dihedrals against the two-argument arctangent, both modes beside gaps, ends
// and breaks, rotation and translation, the radial basis and the sinusoidal positions.
#include "kernels/geometry.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "kernels/point.hpp"
#include "support/arrays.hpp"
#include "support/backbones.hpp"
#include "support/bench.hpp"

namespace {

using namespace jespr;
using namespace jespr::test;
using kernels::Point;

struct HostGeometry {
  std::vector<int> complete;
  std::vector<double> scalars, vectors, dihedrals, local, frames;
};

template <class T>
HostGeometry geometry(GeometryMode mode, const std::vector<Backbone>& backbones) {
  Bench bench;
  const Packed<T> packed = pack<T>(bench.inputs, backbones);
  const kernels::NodeGeometry<T> g =
      kernels::node_geometry(bench.saved, mode, packed.coordinates, packed.offsets);
  const auto host = [](const auto& view) {
    const auto values = to_host(view);
    return std::vector<double>(values.begin(), values.end());
  };
  return {to_host(g.complete), host(g.scalars), host(g.vectors),
          host(g.dihedrals),   host(g.local),   host(g.frames)};
}

/// Atom number `place` of the chain N, CA, C, N, ...; 0 where it is missing.
Point atom(const Backbone& backbone, int place) {
  const double* x = &backbone[3 * static_cast<std::size_t>(place)];
  return std::isfinite(x[0]) ? Point{x[0], x[1], x[2]} : Point{};
}

/// atan2(|b2| b1 . (b2 x b3), (b1 x b2) . (b2 x b3)), the textbook's dihedral.
double textbook_dihedral(const Backbone& backbone, int place) {
  const Point b1 = atom(backbone, place) - atom(backbone, place - 1);
  const Point b2 = atom(backbone, place + 1) - atom(backbone, place);
  const Point b3 = atom(backbone, place + 2) - atom(backbone, place + 1);
  const Point n1 = cross(b1, b2), n2 = cross(b2, b3);
  return std::atan2(std::sqrt(dot(b2, b2)) * dot(b1, n2), dot(n1, n2));
}

TEST(Geometry, DihedralsAreTheTextbooks) {
  // The softened unit vectors bend angles by eps / length^2 (length of a cross product >= 0.03
  // here), the f32 coordinates by their rounding.
  const Backbone backbone = random_backbone(23, 1);
  const HostGeometry exact = geometry<double>(GeometryMode::reference, {backbone});
  const HostGeometry single = geometry<float>(GeometryMode::reference, {backbone});
  for (int place = 4; place + 2 < 3 * (rows_of(backbone) - 1); ++place) {
    const double angle = textbook_dihedral(backbone, place);
    const std::size_t row = static_cast<std::size_t>(place / 3),
                      k = static_cast<std::size_t>(place % 3);
    for (const auto* g : {&exact, &single}) {
      const double tolerance = g == &exact ? 2e-5 : 1e-4;
      EXPECT_NEAR(g->scalars[7 * row + k], std::cos(angle), tolerance) << place;
      EXPECT_NEAR(g->scalars[7 * row + 3 + k], std::sin(angle), tolerance) << place;
    }
    EXPECT_NEAR(exact.dihedrals[6 * row + k], std::cos(angle), 1e-6) << place;
    EXPECT_NEAR(exact.dihedrals[6 * row + 3 + k], std::sin(angle), 1e-3) << place;
  }
}

TEST(Geometry, FramesAreOrthonormalAndSideChainsUnit) {
  const HostGeometry g = geometry<double>(GeometryMode::invariant, {random_backbone(9, 2)});
  for (std::size_t row = 1; row <= 9; ++row) {
    const double* e = &g.frames[9 * row];
    for (std::size_t a = 0; a < 3; ++a)
      for (std::size_t b = 0; b < 3; ++b)
        EXPECT_NEAR(e[3 * a] * e[3 * b] + e[3 * a + 1] * e[3 * b + 1] + e[3 * a + 2] * e[3 * b + 2],
                    a == b, 1e-6);
    double length = 0;  // [3 (xyz), 3 (channel)]
    for (std::size_t d = 0; d < 3; ++d) length += std::pow(g.vectors[9 * row + 3 * d + 2], 2);
    EXPECT_NEAR(length, 1, 1e-5);
  }
}

TEST(Geometry, InvariantModeNeverSeesTheOrigin) {
  Backbone backbone = random_backbone(12, 3);
  remove_residue(backbone, 4);
  break_before(backbone, 9);
  Backbone half = random_backbone(5, 4);
  half[3 * numbers_per_row] = std::nan("");  // one number of one atom
  const std::vector<Backbone> still = {backbone, random_backbone(1, 5), half};
  std::vector<Backbone> turned;
  constexpr std::uint64_t rotation = 77;
  for (const Backbone& b : still) turned.push_back(moved(b, rotation, {30, -50, 70}));
  const HostGeometry before = geometry<double>(GeometryMode::invariant, still);
  const HostGeometry after = geometry<double>(GeometryMode::invariant, turned);
  EXPECT_EQ(before.complete, after.complete);
  EXPECT_EQ(before.complete[13 + 1 + 3 + 3], 0) << "half a residue is missing";
  // Coordinates up to 100 Angstrom are rounded to 2^-46; unit vectors of bonds magnify that, the
  // sine near a straight angle once more.
  constexpr double tolerance = 1e-9;
  expect_close(after.scalars, before.scalars, tolerance, "scalars");
  expect_close(after.dihedrals, before.dihedrals, tolerance, "dihedrals");
  expect_close(after.local, before.local, tolerance, "local features");
  std::vector<double> expected = before.vectors;
  for (std::size_t i = 0; i < expected.size(); i += 9)
    for (std::size_t u = 0; u < 3; ++u) {
      const auto v = rotated(
          {before.vectors[i + u], before.vectors[i + 3 + u], before.vectors[i + 6 + u]}, rotation);
      for (std::size_t d = 0; d < 3; ++d) expected[i + 3 * d + u] = v[d];
    }
  expect_close(after.vectors, expected, tolerance, "vectors");
}

TEST(Geometry, InvariantModeZeroesWhatTouchesAGap) {
  Backbone backbone = random_backbone(8, 6);
  remove_residue(backbone, 3);
  break_before(backbone, 7);
  const HostGeometry g = geometry<double>(GeometryMode::invariant, {backbone});
  const auto is_zero = [&](std::size_t row, std::size_t channel) {
    return g.vectors[9 * row + channel] == 0 && g.vectors[9 * row + 3 + channel] == 0 &&
           g.vectors[9 * row + 6 + channel] == 0;
  };
  const auto is_flat = [&](std::size_t row, std::size_t k) {
    return g.scalars[7 * row + k] == 1 && g.scalars[7 * row + 3 + k] == 0;
  };
  for (std::size_t row = 0; row < 10; ++row) {
    const bool missing = row == 0 || row == 3 || row == 9;
    const bool no_next = missing || row == 2 || row == 6 || row == 8;
    const bool no_previous = missing || row == 1 || row == 4 || row == 7;
    EXPECT_EQ(g.complete[row], !missing) << row;
    EXPECT_EQ(g.scalars[7 * row + 6], !missing) << row;
    EXPECT_EQ(is_zero(row, 0), no_next) << row;
    EXPECT_EQ(is_zero(row, 1), no_previous) << row;
    EXPECT_EQ(is_zero(row, 2), missing) << row;
    EXPECT_EQ(is_flat(row, 0), no_previous) << row;
    EXPECT_EQ(is_flat(row, 1), no_next) << row;
    EXPECT_EQ(is_flat(row, 2), no_next) << row;
  }
}

TEST(Geometry, ReferenceModePutsMissingAtomsAtTheOrigin) {
  const Backbone backbone = random_backbone(1, 7);
  const HostGeometry g = geometry<double>(GeometryMode::reference, {backbone});
  const Point ca = atom(backbone, 4);
  const double length = std::sqrt(dot(ca, ca));
  for (std::size_t channel : {0, 1}) {  // the residue looks at the origin, forward and backward
    EXPECT_NEAR(g.vectors[9 + channel], -ca.x / length, 1e-8);
    EXPECT_NEAR(g.vectors[9 + 3 + channel], -ca.y / length, 1e-8);
    EXPECT_NEAR(g.vectors[9 + 6 + channel], -ca.z / length, 1e-8);
  }
}

TEST(Geometry, OppositeVectorsHaveNoCrossProduct) {
  const Point a{0.1, 0.7, -0.3}, b = -1.0 * a, c = cross(a, b);
  EXPECT_EQ(c.x, 0);
  EXPECT_EQ(c.y, 0);
  EXPECT_EQ(c.z, 0);
}

TEST(RadialBasis, EqualsTheFormula) {
  const std::vector<double> x = {0, 0.3, 1, 7.77, 20, 31};
  const Guarded<double> in(x), out(x.size() * kernels::radial_functions);
  kernels::radial_basis<double>(in.vector(), 0, 20,
                                out.matrix(x.size(), kernels::radial_functions));
  std::vector<double> expected;
  for (double value : x)
    for (int k = 0; k < 16; ++k)
      expected.push_back(std::exp(-std::pow((value - 20.0 * k / 15) / (20.0 / 16), 2)));
  expect_close(out.host(), expected, rounding<double>(16), "radial basis");
}

TEST(MaskedConfidence, IsZeroWhereTheResidueIsMissing) {
  Bench bench;
  const std::vector<double> confidence = {0.5, 0.75, std::nan(""), -1, 0.25};
  const std::vector<int> complete = {1, 0, 0, 0, 1};
  const Vector<int> flags = bench.inputs.vector<int>(complete.size());
  to_device(flags, complete);
  const Guarded<double> in(confidence), out(confidence.size());
  kernels::masked_confidence<double>(in.vector(), flags, out.vector());
  EXPECT_EQ(out.host(), (std::vector<double>{0.5, 0, 0, 0, 0.25}));
}

TEST(SinusoidalPositions, EqualTheFormulaAndAreAdded) {
  constexpr std::size_t columns = 10;
  Bench bench;
  const Offsets offsets = make_offsets(bench.inputs, {3, 1, 7});
  const std::vector<double> start = random_numbers(11 * columns, 8);
  const Guarded<double> x(start);
  kernels::add_sinusoidal_positions(bench.scratch, x.matrix(11, columns), offsets);
  std::vector<double> expected = start;
  for (std::size_t i = 0; i < 11; ++i) {
    const double position = static_cast<double>(i < 3 ? i : (i < 4 ? i - 3 : i - 4)) + 2;
    for (std::size_t k = 0; k < 5; ++k) {
      const double w = std::exp(-static_cast<double>(k) * std::log(10000.0) / 4);
      expected[columns * i + k] += std::sin(position * w);
      expected[columns * i + 5 + k] += std::cos(position * w);
    }
  }
  expect_close(x.host(), expected, rounding<double>(16), "positions");
}

}  // namespace
