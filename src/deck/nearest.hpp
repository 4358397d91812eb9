// The nearest of some names: what a misspelt one was perhaps meant to be.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jespr::deck {

/// Edit distance with swaps of neighbours (optimal string alignment; Damerau 1964, Levenshtein
/// 1966): insertions, deletions, substitutions and swaps of adjacent characters each count 1.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate of least distance, the first of equals, if that is within a third of the length
/// of `name` (at least 1, at most 3); else the first of which one begins with the other; else "".
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace jespr::deck
