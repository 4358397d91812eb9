// Values: words of a deck <-> elements of parameters, whole and exact.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "deck/grammar.hpp"
#include "deck/schema.hpp"

namespace jespr::deck {

/// Fortran's list-directed forms, the whole word or nothing.
/// Integer: sign and digits, within 64 bits.
std::optional<std::int64_t> to_integer(std::string_view word);
/// Real: 1 1. .5 1e5 1d-3 1q3 1+3 (exponent without letter); finite in double precision only.
std::optional<double> to_real(std::string_view word);
/// Logical: t, f, true or false in any case, with or without the dots of .true. Fortran takes any
/// word with that initial (2018, 13.10.3.1); whole words keep a misspelt text from being one.
std::optional<bool> to_logical(std::string_view word);

/// The item as an element of `parameter`; nothing if it is not wholly one, in range and choices.
std::optional<Element> to_element(const Parameter& parameter, const Item& item);

/// An element in the one spelling that decks written by the program use: .true., 12, 0.001 (the
/// shortest digits that read back to the same double), 'it''s'.
std::string to_string(const Element& element);
/// All elements: "1, 5, 10".
std::string to_string(const std::vector<Element>& value);

/// What a value must be: "an integer from 8 to 4096", "a real > 0 (Angstrom)".
std::string expectation(const Parameter& parameter);

}  // namespace jespr::deck
