// Embeddings of chains do not depend on the ranks that share them, nor on the chains beside them.
#include "driver/embedding.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/philox.hpp"

namespace {

using namespace jespr;

ModelSettings small_model() {
  ModelSettings settings;
  settings.sequence = {.preset = "", .layers = 1, .width = 16, .heads = 2, .pooling = "mean"};
  settings.structure.node_scalars = 12;
  settings.structure.node_vectors = 4;
  settings.structure.edge_scalars = 6;
  settings.structure.graph_layers = 1;
  settings.structure.neighbours = 5;
  settings.structure.layers = 1;
  settings.structure.width = 16;
  settings.structure.heads = 2;
  settings.structure.feed_forward = 24;
  settings.structure.pooling = "mean";
  settings.joint.width = 8;
  return settings;
}

/// A chain whose residues and coordinates are a function of its number: a helix with noise.
data::Protein protein(int identity, int length) {
  PhiloxStream stream(9, "protein", static_cast<std::uint64_t>(identity));
  data::Protein result;
  result.name = std::to_string(identity);
  constexpr std::string_view letters = "ACDEFGHIKLMNPQRSTVWY";
  for (int i = 0; i < length; ++i) {
    result.sequence += letters[stream.below(20)];
    for (int atom = 0; atom < 3; ++atom) {
      const double turn = 0.6 * (3 * i + atom);
      for (const double centre : {2.3 * std::cos(turn), 2.3 * std::sin(turn), 0.5 * (3 * i + atom)})
        result.coordinates.push_back(static_cast<float>(centre + 0.2 * stream.number()));
    }
    result.confidence.push_back(1.0f);
  }
  return result;
}

struct Fixture {
  Fixture() : model(JointModel<F64>::add(store, small_model())) {
    store.freeze();
    store.initialize(3);
    for (int i = 0; i < 150; ++i) chains.push_back({i, 20 + 7 * i % 61});
  }
  Gallery<double> embed(const Communicator& communicator, std::span<const data::Chain> some,
                        int kept, bool keep_pooled = false) {
    const auto read = [this](int identity) {
      return protein(identity, chains[static_cast<std::size_t>(identity)].length);
    };
    return embed_chains(context, communicator, model, some, read, kept, keep_pooled);
  }

  Workspace saved{"saved"}, scratch{"scratch"};
  Products products;
  Context context{saved, scratch, products};
  ParameterStore<F64> store;
  JointModel<F64> model;
  std::vector<data::Chain> chains;
};

TEST(Embedding, ManyRanksEmbedWhatOneDoes) {
  Fixture fixture;
  for (const int kept : {0, 24}) {
    const Gallery<double> together = fixture.embed(Communicator::world(), fixture.chains, kept);
    const Gallery<double> alone = fixture.embed(Communicator::self(), fixture.chains, kept);
    ASSERT_EQ(alone.proteins(), 150);
    ASSERT_EQ(alone.width, 8);
    EXPECT_EQ(together.sequence, alone.sequence);
    EXPECT_EQ(together.structure, alone.structure);
  }
}

/// Heads see these rows: with them the embeddings are what they are without them.
TEST(Embedding, PooledRowsAreThoseOfOneRank) {
  Fixture fixture;
  const Gallery<double> together = fixture.embed(Communicator::world(), fixture.chains, 0, true);
  const Gallery<double> alone = fixture.embed(Communicator::self(), fixture.chains, 0, true);
  EXPECT_EQ(together.sequence_pooled, alone.sequence_pooled);
  EXPECT_EQ(together.structure_pooled, alone.structure_pooled);
  const Gallery<double> without = fixture.embed(Communicator::world(), fixture.chains, 0);
  EXPECT_EQ(without.sequence, together.sequence);
  EXPECT_TRUE(without.sequence_pooled.empty() && without.structure_pooled.empty());
  ASSERT_EQ(alone.sequence_pooled.size(), 150u * 16u);
  ASSERT_EQ(alone.structure_pooled.size(), 150u * 16u);
  EXPECT_NE(alone.sequence_pooled, alone.structure_pooled);
}

TEST(Embedding, AChainAloneIsEmbeddedAsInCompany) {
  Fixture fixture;
  const Communicator self = Communicator::self();
  const Gallery<double> all = fixture.embed(self, fixture.chains, 24);
  for (const std::size_t i : {std::size_t{0}, std::size_t{77}, std::size_t{149}}) {
    const Gallery<double> one =
        fixture.embed(self, std::span<const data::Chain>(fixture.chains).subspan(i, 1), 24);
    double length = 0;
    for (std::size_t c = 0; c < 8; ++c) {
      EXPECT_NEAR(one.sequence[c], all.sequence[8 * i + c], 1e-12);
      EXPECT_NEAR(one.structure[c], all.structure[8 * i + c], 1e-12);
      length += one.structure[c] * one.structure[c];
    }
    EXPECT_NEAR(length, 1.0, 1e-14);
  }
}

TEST(Embedding, CentralResiduesAreWhatIsSeen) {
  Fixture fixture;
  const Communicator self = Communicator::self();
  const std::vector<data::Chain> longer(1, fixture.chains[8]);  // 76 residues
  ASSERT_EQ(longer.front().length, 76);
  const Gallery<double> whole = fixture.embed(self, longer, 0);
  EXPECT_EQ(fixture.embed(self, longer, 76).sequence, whole.sequence);
  EXPECT_EQ(fixture.embed(self, longer, 500).structure, whole.structure);
  EXPECT_NE(fixture.embed(self, longer, 24).structure, whole.structure);
}

}  // namespace
