// Places in SEQRES by mmCIF's numbering, alignment and the author's residue numbers.
#include "data/seqres.hpp"

#include <algorithm>
#include <cstdint>
#include <gemmi/align.hpp>
#include <gemmi/resinfo.hpp>
#include <map>

namespace jespr::data {
namespace {

/// Whether a site's residue is among the (comma-separated) monomers of a place of SEQRES.
bool agrees(const std::string& monomers, const Site& site) {
  if (monomers.find(',') == std::string::npos) return monomers == site.residue->name;
  return ("," + monomers + ",").find("," + site.residue->name + ",") != std::string::npos;
}

/// Place in `names` of each site by alignment, -1 where it has none.
std::vector<int> aligned_places(const std::vector<std::string>& names,
                                const std::vector<Site>& sites) {
  gemmi::Chain chosen("");
  for (const Site& site : sites) chosen.residues.push_back(*site.residue);
  const gemmi::AlignmentResult alignment = gemmi::align_sequence_to_polymer(
      names, chosen.whole(), gemmi::PolymerType::PeptideL, gemmi::AlignmentScoring());
  std::vector<int> places;
  int place = 0;
  for (const gemmi::AlignmentResult::Item& item : alignment.cigar) {
    for (std::uint32_t i = 0; i < item.len(); ++i) {
      if (item.op() == 'M') places.push_back(place);
      if (item.op() == 'D') places.push_back(-1);
      if (item.op() != 'D') ++place;
    }
  }
  places.resize(sites.size(), -1);
  return places;
}

/// The author's numbers, where they are without insertion codes and in ascending order.
std::vector<std::int64_t> ascending_numbers(const std::vector<Site>& sites) {
  std::vector<std::int64_t> numbers;
  for (const Site& site : sites) {
    const gemmi::SeqId& id = site.residue->seqid;
    if (id.has_icode() || (!numbers.empty() && *id.num <= numbers.back())) return {};
    numbers.push_back(*id.num);
  }
  return numbers;
}

std::vector<int> shifted(const std::vector<std::int64_t>& numbers, std::int64_t shift) {
  std::vector<int> places;
  for (const std::int64_t number : numbers) places.push_back(static_cast<int>(number + shift));
  return places;
}

}  // namespace

std::vector<std::string> polymer_sequence(const gemmi::Entity& entity,
                                          const std::vector<Site>& sites) {
  std::vector<std::string> names;
  for (const std::string& monomers : entity.full_sequence) {
    const std::string name = gemmi::Entity::first_mon(monomers);
    const gemmi::ResidueInfo info = gemmi::find_tabulated_residue(name);
    if (info.is_amino_acid() || !info.found() ||
        std::any_of(sites.begin(), sites.end(),
                    [&](const Site& site) { return site.residue->name == name; }))
      names.push_back(monomers);
  }
  return names;
}

std::size_t count_agreeing(const std::vector<std::string>& names, const std::vector<Site>& sites,
                           const std::vector<int>& places) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < sites.size(); ++i)
    count += places[i] >= 0 && agrees(names[static_cast<std::size_t>(places[i])], sites[i]);
  return count;
}

std::optional<std::vector<int>> labelled_places(const gemmi::Entity& entity,
                                                const std::vector<Site>& sites) {
  std::vector<int> places;
  int last = 0;
  for (const Site& site : sites) {
    if (!site.residue->label_seq) return {};
    const int place = *site.residue->label_seq;
    if (place <= last || place > static_cast<int>(entity.full_sequence.size())) return {};
    places.push_back(place - 1);
    last = place;
  }
  return places;
}

std::vector<int> places_in(const std::vector<std::string>& names, const std::vector<Site>& sites) {
  std::vector<int> aligned = aligned_places(names, sites);
  const std::vector<std::int64_t> numbers = ascending_numbers(sites);
  if (numbers.empty()) return aligned;
  std::map<std::int64_t, std::size_t> votes;  // of the alignment, for a shift from number to place
  for (std::size_t i = 0; i < sites.size(); ++i)
    if (aligned[i] >= 0) ++votes[aligned[i] - numbers[i]];
  // Of the shifts that keep all places within the sequence, the one with most agreement, then with
  // most votes, then the first.
  std::pair<std::size_t, std::size_t> best;
  std::optional<std::int64_t> best_shift;
  for (std::int64_t shift = -numbers.front();
       numbers.back() + shift < static_cast<std::int64_t>(names.size()); ++shift) {
    const auto found = votes.find(shift);
    const std::pair quality = {count_agreeing(names, sites, shifted(numbers, shift)),
                               found == votes.end() ? std::size_t{0} : found->second};
    if (best_shift && quality <= best) continue;
    best = quality;
    best_shift = shift;
  }
  return best_shift && best.first >= count_agreeing(names, sites, aligned)
             ? shifted(numbers, *best_shift)
             : aligned;
}

}  // namespace jespr::data
