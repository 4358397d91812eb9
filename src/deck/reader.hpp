// The strict reader: a deck's text and command-line overrides -> the variables of a schema, or all
// mistakes at once.
#pragma once

#include <string>
#include <vector>

#include "deck/schema.hpp"

namespace jespr::deck {

/// A deck as it was given. One rank reads the file, all ranks read the text.
struct Source {
  std::string name;  // as the user wrote it; names the places of mistakes: "input/quickstart.deck"
  std::string text;
  std::string folder;                  // absolute; relative paths of the deck count from here
  std::vector<std::string> overrides;  // "group.key=value", later than the deck
};

/// Reads the file `path` whole. Failure: Error (deck).
Source load(const std::string& path, const std::vector<std::string>& overrides = {});

/// Sets the variables of `schema` as `source` says: defaults, then the deck, then the overrides.
/// Refused: unknown groups and keys, repeated ones, values that are not wholly of the parameter's
/// type, range or choices, missing required parameters, objections of checks. Failure: one Error
/// (deck) with a line for every mistake, in the order of the deck:
///   quickstart.deck:14: &optim lr_peek: no such parameter; nearest is lr_peak (jespr --help optim)
///   1 mistake, nothing was started
void read(const Schema& schema, const Source& source);

/// The same of a processed deck that a run has left: it was agreed to then, so no check is asked,
/// of which a later version of the program may have more.
void read_stored(const Schema& schema, const Source& source);

}  // namespace jespr::deck
