// Help from the declarations: the groups, one group's parameters, and doc/deck.md.
#pragma once

#include <string>

#include "deck/schema.hpp"

namespace jespr::deck {

/// The groups of the deck, one line each, for `jespr --help`.
std::string help(const Schema& schema);

/// All parameters of a group with default, legal values and meaning, for `jespr --help optim`.
/// Failure: Error (deck) for an unknown group, naming the nearest.
std::string help(const Schema& schema, const std::string& group);

/// doc/deck.md: how a deck is written, and a table of parameters for each group.
std::string markdown(const Schema& schema);

}  // namespace jespr::deck
