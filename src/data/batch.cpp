// Batch.
#include "data/batch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/philox.hpp"
#include "data/alphabet.hpp"
#include "data/draw.hpp"

namespace jespr::data {

namespace {

constexpr int numbers_per_residue = 9;  // three atoms of three coordinates
constexpr float missing = std::numeric_limits<float>::infinity();
constexpr float confidence_of_marks = -1;  // of the rows before and after a protein
constexpr std::uint32_t noise_site = site_of("data.coordinate_noise");
constexpr std::uint32_t mask_site = site_of("data.residue_mask");
constexpr std::uint32_t predicted_site = site_of("data.predicted_residue");

/// Says what is wrong with a protein, if anything.
void check(int identity, const Protein& protein, const Windows& windows) {
  const auto length = protein.sequence.size();
  if (protein.coordinates.size() != length * numbers_per_residue ||
      protein.confidence.size() != length)
    fail(Exit::data,
         fmt::format("chain {} ({}): {} residues, but {} coordinates and {} confidences", identity,
                     protein.name, length, protein.coordinates.size(), protein.confidence.size()));
  int last = windows.structure.end;
  for (int crop = 0; crop < windows.sequences(); ++crop)
    last = std::max(last, windows.sequence_crop(crop).end);
  if (last > protein.length())
    fail(Exit::data, fmt::format("chain {} ({}): residues up to {} are asked for, it has {}",
                                 identity, protein.name, last, length));
}

/// Hides a share of the residues and makes them targets, by the rule of BERT.
void hide_predicted(std::span<int> residues, std::span<int> targets, int identity, int first,
                    int crop, const Augmentation& augmentation, std::int64_t epoch) {
  constexpr double masked = 0.8, replaced = 0.9;  // up to here
  constexpr double kinds = 20;                    // the first residues of the alphabet
  for (std::size_t i = 0; i < residues.size(); ++i) {
    const PhiloxBlock block = draw_block(augmentation.seed, predicted_site, epoch, identity,
                                         first + static_cast<int>(i), crop);
    if (uniform(block.word[0]) >= augmentation.predicted_fraction) continue;
    targets[i] = residues[i];
    const double choice = uniform(block.word[1]);
    if (choice < masked)
      residues[i] = token_mask;
    else if (choice < replaced)
      residues[i] = first_residue_token + static_cast<int>(kinds * uniform(block.word[2]));
  }
}

/// Crop number `crop` of a protein.
void append_sequence(SequenceRows& out, int identity, const Protein& protein, Window window,
                     int crop, const Augmentation& augmentation, std::int64_t epoch) {
  const auto letters = std::string_view(protein.sequence)
                           .substr(static_cast<std::size_t>(window.begin),
                                   static_cast<std::size_t>(window.length()));
  auto tokens = tokenize(letters);
  if (augmentation.predicted != Predicted::nothing) {
    std::vector<int> targets(tokens.size(), -1);
    if (augmentation.predicted == Predicted::next)
      std::copy(tokens.begin() + 1, tokens.end(), targets.begin());
    else
      hide_predicted(std::span(tokens).subspan(1, letters.size()),
                     std::span(targets).subspan(1, letters.size()), identity, window.begin, crop,
                     augmentation, epoch);
    out.targets.insert(out.targets.end(), targets.begin(), targets.end());
  }
  if (augmentation.masked_fraction > 0) {
    for (int residue = window.begin; residue < window.end; ++residue) {
      const PhiloxBlock block =
          draw_block(augmentation.seed, mask_site, epoch, identity, residue, crop);
      if (uniform(block.word[0]) < augmentation.masked_fraction)
        tokens[static_cast<std::size_t>(residue - window.begin + 1)] = token_mask;
    }
  }
  out.rows.push_back(static_cast<int>(tokens.size()));
  out.tokens.insert(out.tokens.end(), tokens.begin(), tokens.end());
}

/// Nine independent standard normal numbers for a residue.
std::array<double, numbers_per_residue + 1> residue_noise(std::uint64_t seed, std::int64_t epoch,
                                                          int identity, int residue) {
  std::array<double, numbers_per_residue + 1> noise;  // drawn in pairs, the last is not used
  for (std::size_t pair = 0; pair < noise.size() / 2; ++pair) {
    const NormalPair drawn =
        normal_pair(draw_block(seed, noise_site, epoch, identity, residue, static_cast<int>(pair)));
    noise[2 * pair] = drawn.first;
    noise[2 * pair + 1] = drawn.second;
  }
  return noise;
}

/// Adds noise to the atoms of a residue that are present: all three coordinates finite.
void add_noise(std::span<float> residue, std::span<const double> noise, double deviation) {
  for (std::size_t atom = 0; atom < numbers_per_residue; atom += 3) {
    const auto xyz = residue.subspan(atom, 3);
    if (!std::isfinite(xyz[0]) || !std::isfinite(xyz[1]) || !std::isfinite(xyz[2])) continue;
    for (std::size_t d = 0; d < 3; ++d)
      xyz[d] = static_cast<float>(xyz[d] + deviation * noise[atom + d]);
  }
}

void append_mark(StructureRows& out) {
  out.coordinates.insert(out.coordinates.end(), numbers_per_residue, missing);
  out.confidence.push_back(confidence_of_marks);
}

void append_structure(StructureRows& out, int identity, const Protein& protein, Window window,
                      const Augmentation& augmentation, std::int64_t epoch) {
  append_mark(out);
  for (int residue = window.begin; residue < window.end; ++residue) {
    const auto at = static_cast<std::size_t>(residue);
    std::array<float, numbers_per_residue> numbers;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const float number = protein.coordinates[at * numbers_per_residue + i];
      numbers[i] = std::isnan(number) ? missing : number;
    }
    if (augmentation.coordinate_noise > 0)
      add_noise(numbers, residue_noise(augmentation.seed, epoch, identity, residue),
                augmentation.coordinate_noise);
    out.coordinates.insert(out.coordinates.end(), numbers.begin(), numbers.end());
    out.confidence.push_back(protein.confidence[at]);
  }
  append_mark(out);
  out.rows.push_back(window.length() + 2);
}

}  // namespace

void append_protein(ShardRows& shard, int identity, const Protein& protein, const Windows& windows,
                    const Augmentation& augmentation, std::int64_t epoch) {
  check(identity, protein, windows);
  shard.identity.push_back(identity);
  for (int crop = 0; crop < windows.sequences(); ++crop) {
    append_sequence(shard.sequence, identity, protein, windows.sequence_crop(crop), crop,
                    augmentation, epoch);
    shard.sequence.identity.push_back(identity_of_crop(identity, crop));
  }
  append_structure(shard.structure, identity, protein, windows.structure, augmentation, epoch);
}

ShardRows training_rows(const Shard& shard, const ProteinReader& read, const CropRule& crop,
                        const Augmentation& augmentation, std::int64_t epoch) {
  ShardRows rows;
  for (const Chain& chain : shard)
    append_protein(rows, chain.identity, read(chain.identity),
                   crop.draw(epoch, chain.identity, chain.length), augmentation, epoch);
  return rows;
}

ShardRows fullest_rows(const Shard& shard, const ProteinReader& read, const CropRule& crop) {
  ShardRows rows;
  for (const Chain& chain : shard)
    append_protein(rows, chain.identity, read(chain.identity), crop.fullest(chain.length));
  return rows;
}

ShardRows plain_rows(const Shard& shard, const ProteinReader& read, int kept,
                     const Augmentation& augmentation) {
  ShardRows rows;
  for (const Chain& chain : shard)
    append_protein(rows, chain.identity, read(chain.identity),
                   kept > 0 ? central_crop(chain.length, kept) : whole_chain(chain.length),
                   augmentation);
  return rows;
}

}  // namespace jespr::data
