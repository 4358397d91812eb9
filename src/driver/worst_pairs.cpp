// Pairs of the highest losses.
#include "driver/worst_pairs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "io/files.hpp"

namespace jespr {
namespace {

constexpr std::size_t most_in_the_log = 3;

}  // namespace

std::vector<WorstPair> worst_pairs(const std::vector<double>& losses, const PartnerRanks& ranks,
                                   const std::vector<data::Chain>& chains,
                                   const data::Dataset& dataset, std::int64_t count) {
  std::vector<std::size_t> order(losses.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return losses[a] > losses[b]; });
  order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
  std::vector<WorstPair> pairs;
  for (const std::size_t i : order)
    pairs.push_back({dataset.names()[static_cast<std::size_t>(chains[i].identity)],
                     chains[i].length, losses[i], expected_rank(ranks.sequence_to_structure[i]),
                     expected_rank(ranks.structure_to_sequence[i])});
  return pairs;
}

std::string describe(const std::vector<WorstPair>& pairs, int gallery) {
  std::string text;
  for (std::size_t i = 0; i < std::min(pairs.size(), most_in_the_log); ++i)
    text += fmt::format("{}{} (loss {:.2f}, ranks {:.0f} and {:.0f} of {})", i == 0 ? "" : ", ",
                        pairs[i].name, pairs[i].loss, pairs[i].rank_of_structure,
                        pairs[i].rank_of_sequence, gallery);
  return text;
}

void write_worst_pairs(const std::string& path, std::int64_t step,
                       const std::vector<WorstPair>& pairs) {
  std::string text = "step\tname\tresidues\tloss\trank_of_structure\trank_of_sequence\n";
  for (const WorstPair& pair : pairs)
    text += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", step, pair.name, pair.residues, pair.loss,
                        pair.rank_of_structure, pair.rank_of_sequence);
  io::write_text_file(path, text);
}

}  // namespace jespr
