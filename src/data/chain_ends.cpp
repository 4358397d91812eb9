// What stands behind TER: more of the chain, or something else of the same name.
#include "data/chain_ends.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <gemmi/pdb.hpp>
#include <gemmi/resinfo.hpp>

namespace jespr::data {
namespace {

bool is_atom(std::string_view line, std::string_view name) { return line.substr(12, 4) == name; }

/// Those of one number differ by their insertion codes, in any order.
bool follows(const gemmi::SeqId& number, const gemmi::SeqId& last) {
  return *number.num > *last.num || (*number.num == *last.num && number.icode != last.icode);
}

}  // namespace

bool has_amino_acid_name(std::string_view line) {
  return gemmi::find_tabulated_residue(gemmi::pdb_impl::read_string(&line[17], 3)).is_amino_acid();
}

bool ChainEnds::Segment::has(const gemmi::SeqId& number) const {
  return std::find(residues.rbegin(), residues.rend(), number) != residues.rend();
}

gemmi::ResidueId ChainEnds::Segment::last_residue(const std::string& text) const {
  const auto is_last = [&](std::size_t place) {
    return place == last_ca || (has_amino_acid_name(std::string_view(text).substr(place)) &&
                                !has(gemmi::pdb_impl::read_seq_id(&text[place + 22])));
  };
  const std::size_t place = *std::find_if(places.rbegin(), places.rend(), is_last);
  return gemmi::pdb_impl::read_res_id(&text[place + 22], &text[place + 17]);
}

void ChainEnds::add_atom(std::string_view line, int number, std::size_t place) {
  const std::string_view columns = line.substr(20, 2);
  if (chains_.empty() || chains_[current_].columns != columns) {
    const auto found = std::find_if(chains_.begin(), chains_.end(),
                                    [&](const Chain& chain) { return chain.columns == columns; });
    current_ = static_cast<std::size_t>(found - chains_.begin());
    if (found == chains_.end())
      chains_.push_back({std::string(columns), gemmi::pdb_impl::read_string(&line[20], 2)});
  }
  Chain& chain = chains_[current_];
  if (line[0] == 'H' || line[0] == 'h') return;
  if (chain.has_ended) {
    chain.segments.push_back({number});
    chain.has_ended = false;
  }
  if (!chain.segments.empty()) chain.segments.back().places.push_back(place);
  const bool is_nitrogen = is_atom(line, " N  ");
  if (!is_nitrogen && !is_atom(line, " CA ")) return;
  const gemmi::SeqId seqid = gemmi::pdb_impl::read_seq_id(&line[22]);
  if (is_nitrogen) {
    chain.nitrogen = seqid;
    return;
  }
  // A ligand or an ion may have a CA, too.
  if (!has_amino_acid_name(line) && chain.nitrogen != seqid) return;
  const bool is_alternative = line[16] != ' ';
  const bool is_next = !chain.has_number || follows(seqid, chain.last);
  if (chain.segments.empty()) {
    if (is_alternative && !is_next) return;
  } else {
    Segment& segment = chain.segments.back();
    // Alternate locations of one residue follow each other, or a later block gives some of them.
    if (is_alternative && segment.has(seqid)) return;
    segment.goes_on = segment.goes_on && !chain.id.empty() && is_next;
    segment.residues.push_back(seqid);
    segment.last_ca = place;
  }
  chain.last = seqid;
  chain.has_number = true;
}

void ChainEnds::add_ter() {
  if (!chains_.empty()) chains_[current_].has_ended = true;
}

std::vector<AfterTer> ChainEnds::settle(std::string& text) const {
  std::vector<AfterTer> found;
  for (const Chain& chain : chains_) {
    AfterTer after{chain.id};
    std::size_t refused = 0;
    int first_refused = 0;
    for (const Segment& segment : chain.segments) {
      if (segment.residues.empty()) continue;
      if (refused == 0 && segment.goes_on) {
        if (after.line == 0) after.line = segment.line;
        after.last = segment.last_residue(text);
        continue;
      }
      if (refused == 0) first_refused = segment.line;
      refused += segment.residues.size();
      for (const std::size_t place : segment.places)
        std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(place),
                    text.find('\n', place) - place, ' ');
    }
    if (refused > 0)
      after.refusal = fmt::format(
          "{} residue{} behind TER, from line {} on, {} not read: {}; give them a chain id of "
          "their own, or take the TER out if they belong to the chain",
          refused, refused == 1 ? "" : "s", first_refused, refused == 1 ? "is" : "are",
          chain.id.empty() ? "the chain has no id, so they may be another"
                           : "their numbers do not go on increasing");
    if (after.line > 0 || refused > 0) found.push_back(after);
  }
  return found;
}

}  // namespace jespr::data
