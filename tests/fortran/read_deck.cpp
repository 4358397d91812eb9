// Reads groups of a deck by the program's own grammar, and prints the typed values.
//
//   read_deck_cpp DECK alpha [beta]
//
// The twin of read_deck.f90: same groups, same initial values, same lines. What follows the grammar
// is Fortran's meaning of an assignment (null values keep, a later assignment wins, sections), not
// the strict reader, which knows one deck language alone.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "deck/grammar.hpp"
#include "deck/values.hpp"

namespace {

using namespace jespr::deck;

constexpr std::size_t elements = 4;     // of an array
constexpr std::size_t text_width = 32;  // character(32): longer texts are cut, blanks do not count

enum class Type { integer, real, logical, text };

struct Named {
  std::string name;
  Type type;
  std::size_t size = 1;
  std::vector<std::string> values = {};  // as they are printed
};

std::string shown_integer(std::int64_t value) { return fmt::format("{}", value); }
std::string shown_real(double value) {
  return fmt::format("{:016X}", std::bit_cast<std::uint64_t>(value));
}
std::string shown_logical(bool value) { return value ? "T" : "F"; }
std::string shown_text(std::string value) {
  value.resize(std::min(value.size(), text_width));
  while (value.ends_with(' ')) value.pop_back();
  return "<" + value + ">";
}

std::vector<Named> variables_of(const std::string& group) {
  std::vector<Named> variables =
      group == "alpha"
          ? std::vector<Named>{{"i", Type::integer}, {"j", Type::integer}, {"iv", Type::integer},
                               {"x", Type::real},    {"y", Type::real},    {"xv", Type::real},
                               {"p", Type::logical}, {"q", Type::logical}, {"pv", Type::logical},
                               {"t", Type::text},    {"u", Type::text},    {"tv", Type::text}}
          : std::vector<Named>{
                {"k", Type::integer}, {"z", Type::real}, {"r", Type::logical}, {"s", Type::text}};
  constexpr int unset = -7;
  for (Named& v : variables) {
    if (v.name.ends_with('v')) v.size = elements;
    const std::string first = v.type == Type::integer   ? shown_integer(unset)
                              : v.type == Type::real    ? shown_real(unset)
                              : v.type == Type::logical ? shown_logical(v.name == "q")
                                                        : shown_text("none");
    v.values.assign(v.size, first);
  }
  return variables;
}

/// The item as it is printed; false where it is no value of this type.
bool typed(Type type, const Item& item, std::string& shown) {
  if ((type == Type::text) != (item.kind == Item::Kind::quoted)) return false;
  if (type == Type::text) shown = shown_text(item.text);
  const auto integer = to_integer(item.text);
  const auto real = to_real(item.text);
  const auto logical = to_logical(item.text);
  if (type == Type::integer && integer) shown = shown_integer(*integer);
  if (type == Type::real && real) shown = shown_real(*real);
  if (type == Type::logical && logical) shown = shown_logical(*logical);
  return type == Type::text || (type == Type::integer && integer) || (type == Type::real && real) ||
         (type == Type::logical && logical);
}

/// Applies an assignment; what is wrong with it, "" if nothing.
std::string assign(std::vector<Named>& variables, const Assignment& assignment) {
  const auto found = std::find_if(variables.begin(), variables.end(),
                                  [&](const Named& v) { return v.name == assignment.key; });
  if (found == variables.end()) return "no such variable: " + assignment.key;
  Named& variable = *found;
  std::size_t first = 1, last = variable.size;
  if (assignment.section) {
    if (variable.size == 1) return "a scalar has no elements: " + variable.name;
    first = static_cast<std::size_t>(assignment.section->first);
    if (assignment.section->last) last = static_cast<std::size_t>(*assignment.section->last);
    if (last > variable.size) return "no such element of " + variable.name;
  }
  for (std::size_t n = 0; n < assignment.items.size(); ++n) {
    if (first + n > last) return "too many values for " + variable.name;
    const Item& item = assignment.items[n];
    if (item.kind == Item::Kind::null) continue;
    if (!typed(variable.type, item, variable.values[first + n - 1]))
      return fmt::format("{}: not a value of its type: {}", variable.name, item.text);
  }
  return "";
}

int refuse(const std::string& layer, const std::string& why) {
  std::cout << "refused: " << layer << ": " << why << '\n';
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  std::ifstream file(arguments[1], std::ios::binary);
  const std::string deck((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const Document document = parse(deck, "deck");
  if (!document.mistakes.empty())
    return refuse("grammar", to_string(document.mistakes.front().place) + ": " +
                                 document.mistakes.front().what);
  std::string lines;
  for (int a = 2; a < count; ++a) {
    const std::string group = arguments[a];
    std::vector<Named> variables = variables_of(group);
    const auto block = std::find_if(document.blocks.begin(), document.blocks.end(),
                                    [&](const Block& b) { return b.name == group; });
    if (block == document.blocks.end()) return refuse("grammar", "no group " + group);
    for (const Assignment& assignment : block->assignments) {
      const std::string objection = assign(variables, assignment);
      if (!objection.empty()) return refuse("values", objection);
    }
    for (const Named& v : variables) {
      lines += v.name;
      for (const std::string& value : v.values) lines += " " + value;
      lines += '\n';
    }
  }
  std::cout << lines;
  return 0;
}
