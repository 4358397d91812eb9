// Decks written by the program: the processed deck of a run, templates for a task, and the hash.
#pragma once

#include <cstdint>
#include <string>

#include "deck/schema.hpp"

namespace jespr::deck {

/// Every parameter that concerns the current task, with the value that its variable holds, in the
/// canonical spelling; reads back to the same settings, bit for bit, from any folder.
std::string processed(const Schema& schema);

/// FNV-1a of the processed deck: equal on all ranks of a run, or they were started differently.
std::uint64_t hash(const Schema& schema);

/// A deck for `task` with every parameter at its default, what is legal and what it means behind
/// it; complete but for the required ones. Those that a choice of another fills
/// (Parameter::sets_defaults) are comments, so that another choice acts. Sets the variables that
/// name the task and those that Parameter::sets_defaults() fills. Failure: Error (deck) for an
/// unknown task.
std::string template_deck(const Schema& schema, const std::string& task);

}  // namespace jespr::deck
