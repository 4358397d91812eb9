// Selections, missing residues and filters.
#include "data/chain_choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>

#include "base/error.hpp"
#include "data/chain_names.hpp"

namespace jespr::data {
namespace {

[[noreturn]] void fail_selection(std::string_view text) {
  fail(Exit::data, fmt::format("'{}' is no selection, expected CHAIN or CHAIN:FIRST-LAST,...; "
                               "numbers as 10, -5 or 52A, - for a chain without an id",
                               text));
}

/// A number at the start of the text, which moves on behind it.
std::optional<ResidueNumber> take_number(std::string_view& text) {
  ResidueNumber id;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id.number);
  if (error != std::errc()) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.empty() && ((text[0] >= 'A' && text[0] <= 'Z') || (text[0] >= 'a' && text[0] <= 'z'))) {
    id.code = text[0];
    text.remove_prefix(1);
  }
  return id;
}

/// Leaves the rows of the chain for which `keep` is true.
void keep_rows(StructureChain& chain, const std::vector<bool>& keep) {
  std::size_t next = 0;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (!keep[i]) continue;
    chain.sequence[next] = chain.sequence[i];
    chain.numbers[next] = chain.numbers[i];
    chain.insertion_codes[next] = chain.insertion_codes[i];
    std::copy_n(chain.coordinates.begin() + static_cast<std::ptrdiff_t>(9 * i), 9,
                chain.coordinates.begin() + static_cast<std::ptrdiff_t>(9 * next));
    chain.b_factors[next] = chain.b_factors[i];
    chain.confidence[next] = chain.confidence[i];
    ++next;
  }
  chain.sequence.resize(next);
  chain.numbers.resize(next);
  chain.insertion_codes.resize(next);
  chain.coordinates.resize(9 * next);
  chain.b_factors.resize(next);
  chain.confidence.resize(next);
}

std::size_t count_complete(const StructureChain& chain) {
  std::size_t complete = 0;
  for (std::size_t i = 0; i < chain.length(); ++i) complete += chain.is_complete(i);
  return complete;
}

/// Marks the rows of a range, and those without a number between them; whether there are any.
bool mark(const StructureChain& chain, const Selection::Range& range, std::vector<bool>& keep) {
  constexpr std::size_t none = -1;
  std::size_t last = none;  // row that is in the range; nothing but numberless rows came since
  bool is_there = false;
  for (std::size_t i = 0; i < chain.length(); ++i) {
    if (chain.numbers[i] == no_number) continue;
    const ResidueNumber id{chain.numbers[i], chain.insertion_codes[i]};
    if (id < range.first || id > range.last) {
      last = none;
      continue;
    }
    for (std::size_t between = last == none ? i : last; between <= i; ++between)
      keep[between] = true;
    last = i;
    is_there = true;
  }
  return is_there;
}

/// The ids that a selection's chain stands for: itself, or else those that reports show like it.
template <class Entry>
void keep_selected(std::vector<Entry>& entries, const std::string& chain, bool as_shown) {
  std::erase_if(entries, [&](const Entry& entry) {
    return (as_shown ? shown_id(entry.id) : entry.id) != chain;
  });
}

bool has_id(const StructureContent& content, const std::string& id) {
  const auto is_it = [&](const auto& entry) { return entry.id == id; };
  return std::any_of(content.chains.begin(), content.chains.end(), is_it) ||
         std::any_of(content.refusals.begin(), content.refusals.end(), is_it);
}

}  // namespace

Selection parse_selection(std::string_view text) {
  const std::string_view whole = text;
  Selection selection;
  const std::size_t colon = text.find(':');
  selection.chain = text.substr(0, colon);
  if (selection.chain.empty()) fail_selection(whole);
  if (colon == std::string_view::npos) return selection;
  text.remove_prefix(colon + 1);
  selection.text = text;
  for (;;) {
    const std::string_view start = text;
    const std::optional<ResidueNumber> first = take_number(text);
    if (!first) fail_selection(whole);
    std::optional<ResidueNumber> last = first;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      last = take_number(text);
    }
    if (!last || *last < *first) fail_selection(whole);
    selection.ranges.push_back(
        {*first, *last, std::string(start.substr(0, start.size() - text.size()))});
    if (text.empty()) return selection;
    if (text[0] != ',') fail_selection(whole);
    text.remove_prefix(1);
  }
}

void select(StructureContent& content, const Selection& selection) {
  std::string others;
  for (const StructureChain& chain : content.chains) others += " " + shown_id(chain.id);
  const bool as_shown = !has_id(content, selection.chain);
  keep_selected(content.chains, selection.chain, as_shown);
  keep_selected(content.refusals, selection.chain, as_shown);
  if (content.chains.empty() && content.refusals.empty())
    content.refusals.push_back(
        {selection.chain, "the file has no such chain" +
                              (others.empty() ? ", nor any of a protein" : "; it has" + others)});
  if (content.chains.empty() || selection.ranges.empty()) return;
  StructureChain& chain = content.chains.front();
  std::vector<bool> keep(chain.length(), false);
  std::string absent;
  for (const Selection::Range& range : selection.ranges)
    if (!mark(chain, range, keep)) absent += (absent.empty() ? "" : ",") + range.text;
  keep_rows(chain, keep);
  if (count_complete(chain) > 0) {
    if (!absent.empty())
      content.refusals.push_back(
          {selection.chain, fmt::format("no residue is numbered in {}; the rest of {} was read",
                                        absent, selection.text)});
    return;
  }
  content.refusals.push_back(
      {selection.chain, fmt::format("no residue of {} has N, CA and C", selection.text)});
  content.chains.clear();
}

void drop_missing(StructureChain& chain) {
  std::vector<bool> keep(chain.length());
  for (std::size_t i = 0; i < chain.length(); ++i) {
    const auto first = chain.coordinates.begin() + static_cast<std::ptrdiff_t>(9 * i);
    keep[i] = std::any_of(first, first + 9, [](float x) { return std::isfinite(x); });
  }
  keep_rows(chain, keep);
}

std::string filter_objection(const ChainFilter& filter, const StructureChain& chain,
                             float resolution) {
  const auto length = static_cast<std::int64_t>(chain.length());
  if (length < filter.min_length)
    return fmt::format("{} residues, min_length is {}", length, filter.min_length);
  if (length > filter.max_length)
    return fmt::format("{} residues, max_length is {}", length, filter.max_length);
  const std::size_t complete = count_complete(chain);
  const double completeness = static_cast<double>(complete) / static_cast<double>(length);
  if (completeness < filter.min_completeness)
    return fmt::format("{:.1f} % complete, min_completeness is {:.1f} %", 100 * completeness,
                       100 * filter.min_completeness);
  if (resolution > filter.max_resolution)
    return fmt::format("resolution {:.2f} Angstrom, max_resolution is {:.2f}", resolution,
                       filter.max_resolution);
  double sum = 0;
  for (const float value : chain.confidence) sum += 100.0 * value;
  const double mean = sum / static_cast<double>(std::max<std::size_t>(1, complete));
  if (mean < filter.min_plddt)
    return fmt::format("mean pLDDT {:.1f}, min_plddt is {:.1f}", mean, filter.min_plddt);
  return "";
}

}  // namespace jespr::data
