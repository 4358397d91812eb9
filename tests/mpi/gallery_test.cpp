// The measures of a gallery do not depend on the number of ranks that share the work.
#include "driver/gallery.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/philox.hpp"

namespace {

using namespace jespr;

constexpr int proteins = 500, width = 40;  // three blocks of queries, the last one not full

/// Row i of a modality: the protein's own direction with noise; length 1.
std::vector<float> embedding(const char* modality, std::int64_t i) {
  PhiloxStream own(1, "protein", static_cast<std::uint64_t>(i));
  PhiloxStream noise(1, modality, static_cast<std::uint64_t>(i));
  std::vector<float> row;
  double length = 0;
  for (int c = 0; c < width; ++c) {
    const double value = own.number() - 0.5 + 2 * (noise.number() - 0.5);
    row.push_back(static_cast<float>(value));
    length += value * value;
  }
  for (float& value : row) value /= static_cast<float>(std::sqrt(length));
  return row;
}

/// The gallery, each rank having embedded every size-th protein, backwards.
Gallery<float> gallery_of(const Communicator& communicator) {
  std::vector<std::int64_t> places;
  std::vector<float> sequence, structure;
  for (int i = proteins - 1; i >= 0; --i) {
    if (i % communicator.size() != communicator.rank()) continue;
    places.push_back(i);
    const std::vector<float> x = embedding("sequence", i), y = embedding("structure", i);
    sequence.insert(sequence.end(), x.begin(), x.end());
    structure.insert(structure.end(), y.begin(), y.end());
  }
  return gather_gallery(communicator, proteins, width, places, sequence, structure);
}

struct Machine {
  Workspace saved{"saved"}, scratch{"scratch"};
  Products products;
  Context context{.saved = saved, .scratch = scratch, .products = products, .observed_prefix = {}};
};

TEST(Gallery, IsInTheOrderOfItsProteins) {
  const Gallery<float> gallery = gallery_of(Communicator::world());
  ASSERT_EQ(gallery.proteins(), proteins);
  for (int i = 0; i < proteins; ++i) {
    const std::vector<float> expected = embedding("structure", i);
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(),
                           gallery.structure.begin() + static_cast<std::ptrdiff_t>(i) * width));
  }
}

TEST(Gallery, ManyRanksMeasureWhatOneDoes) {
  const Communicator world = Communicator::world(), self = Communicator::self();
  Machine machine;
  const Gallery<float> gallery = gallery_of(world);
  const PartnerRanks together = rank_gallery(machine.context, world, gallery);
  const PartnerRanks alone = rank_gallery(machine.context, self, gallery);
  EXPECT_EQ(together.sequence_to_structure, alone.sequence_to_structure);
  EXPECT_EQ(together.structure_to_sequence, alone.structure_to_sequence);
  const RetrievalReport report = report_retrieval(together, std::vector<std::int64_t>{10}, 100, 1);
  EXPECT_GT(report.pooled.percentile.lower, 0.5);
  EXPECT_LT(report.pooled.percentile.upper, 1.0);

  const double scale = 20;
  EXPECT_EQ(pair_losses(machine.context, world, gallery, scale),
            pair_losses(machine.context, self, gallery, scale));

  const SphereMeasures many = measure_sphere(machine.context, world, gallery);
  const SphereMeasures one = measure_sphere(machine.context, self, gallery);
  EXPECT_EQ(many.alignment, one.alignment);
  EXPECT_EQ(many.uniformity_sequence, one.uniformity_sequence);
  EXPECT_EQ(many.uniformity_structure, one.uniformity_structure);
}

TEST(Gallery, ADivergedModelIsNamedOnEveryRank) {
  const Communicator world = Communicator::world();
  Machine machine;
  Gallery<float> gallery = gallery_of(world);
  gallery.structure[7 * width + 3] = std::numeric_limits<float>::infinity();
  try {
    rank_gallery(machine.context, world, gallery);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "the structure embedding of protein 8 of the gallery is not finite: "
                 "the model has diverged");
  }
}

/// Points along one axis, and points that spread evenly over three of eight; of two axes, one with
/// thrice the spread of the other, exp(-(3/4 log 3/4 + 1/4 log 1/4)).
TEST(Gallery, SpreadsCountDirections) {
  Gallery<float> gallery;
  gallery.width = 8;
  for (int i = 0; i < 12; ++i)
    for (int c = 0; c < gallery.width; ++c) {
      const float side = i % 2 == 0 ? 1.0f : -1.0f;
      gallery.sequence.push_back(c == 0 ? side : 0.25f);
      gallery.structure.push_back(c == i / 2 % 3 ? side : 0.0f);
    }
  Workspace saved{"saved"}, scratch{"scratch"};
  Products products;
  Context context{saved, scratch, products};
  const Spreads spreads = measure_spreads(context, gallery);
  EXPECT_NEAR(spreads.sequence.effective_rank, 1, 1e-6);
  EXPECT_NEAR(spreads.structure.effective_rank, 3, 1e-6);
  EXPECT_NEAR(spreads.structure.variance, 1, 1e-6);
  for (int i = 0; i < 12; ++i)
    for (int c = 0; c < gallery.width; ++c) {
      const float side = i % 2 == 0 ? 1.0f : -1.0f;
      gallery.structure[static_cast<std::size_t>(i * gallery.width + c)] =
          c == 0   ? 3 * side
          : c == 1 ? (i % 4 < 2 ? 1.0f : -1.0f)
                   : 0.0f;
    }
  std::fill(gallery.sequence.begin(), gallery.sequence.end(), 0.5f);
  const Spreads others = measure_spreads(context, gallery);
  EXPECT_EQ(others.sequence.effective_rank, 0) << "one point";
  EXPECT_EQ(others.sequence.variance, 0);
  EXPECT_NEAR(others.structure.variance, 10, 1e-6);
  EXPECT_NEAR(others.structure.effective_rank,
              std::exp(-0.75 * std::log(0.75) - 0.25 * std::log(0.25)), 1e-6);
}

}  // namespace
