// Grammar of the input deck: a recursive-descent reader that goes on after every mistake.
#include "deck/grammar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>  // for from_chars
#include <utility>

#include "deck/text.hpp"

namespace jespr::deck {
namespace {

constexpr std::int64_t most_items = 100000;  // elements of one assignment, repeats written out
constexpr std::size_t most_shown = 40;       // characters of a quotation in a message

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_name_character(char c) { return is_letter(c) || is_digit(c) || c == '_'; }
bool is_quote(char c) { return c == '\'' || c == '"'; }
bool is_control(char c) { return (c >= 0 && c < ' ') || c == 127; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// A piece of the deck as a message can show it: short, printable.
std::string shown(std::string_view text) {
  text = trimmed(text.substr(0, text.find('\n')));
  std::string result(text.substr(0, most_shown));
  std::replace_if(result.begin(), result.end(), is_control, '?');
  return text.size() > most_shown ? result + "..." : result;
}

bool whole_number(std::string_view digits, std::int64_t& value) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return !digits.empty() && error == std::errc() && end == digits.data() + digits.size();
}

/// "3", "2:4", "2:", ":4" or ":" -> a section; nothing if it is something else.
std::optional<Section> to_section(std::string_view text) {
  const std::size_t colon = text.find(':');
  Section section;
  const std::string_view first = trimmed(text.substr(0, colon));
  if (!(first.empty() && colon != text.npos) && !whole_number(first, section.first)) return {};
  section.last = section.first;
  if (colon != text.npos) {
    const std::string_view last = trimmed(text.substr(colon + 1));
    if (last.empty()) section.last.reset();
    if (!last.empty() && !whole_number(last, *section.last)) return {};
  }
  const bool legal =
      section.first >= 1 && section.first <= most_items &&
      (!section.last || (*section.last >= section.first && *section.last <= most_items));
  return legal ? std::optional(section) : std::nullopt;
}

/// Splits "3*rest" into its count and the rest; count 1 and the whole word without a repeat.
struct Repeat {
  std::int64_t count = 1;
  std::string_view rest;
  bool written = false;
};

Repeat to_repeat(std::string_view word) {
  Repeat repeat{1, word, false};
  const std::size_t star = word.find('*');
  if (star == word.npos || star == 0) return repeat;
  if (!std::all_of(word.begin(), word.begin() + star, is_digit)) return repeat;
  if (!whole_number(word.substr(0, star), repeat.count)) repeat.count = most_items + 1;
  repeat.rest = word.substr(star + 1);
  repeat.written = true;
  return repeat;
}

class Parser {
 public:
  Parser(std::string_view text, Place place) : text_(text), place_(std::move(place)) {}

  Document parse_deck();
  Document parse_argument();

 private:
  Place here() const {
    return {place_.source, place_.line, place_.line > 0 ? position_ : place_.order};
  }
  bool done() const { return position_ >= text_.size(); }
  char look(std::size_t ahead = 0) const {
    return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\n';
  }
  std::string_view rest() const { return text_.substr(position_); }
  void advance();
  void skip_blanks();
  std::string_view read_while(bool (*belongs)(char));
  std::string_view read_word();

  bool at_slash() const;
  bool at_end_word() const;
  bool at_key();

  void read_block();
  void read_assignment(Block& block);
  void read_section(Assignment& assignment);
  void read_values(Assignment& assignment);
  void read_value(Assignment& assignment);
  void read_shell_values(Assignment& assignment);
  Item read_quoted(Assignment& assignment);
  void append(Assignment& assignment, std::int64_t count, const Item& item);
  void recover();

  void mistake(const Place& place, std::string what);
  void damage(Assignment& assignment, const std::string& what);

  std::string_view text_;
  std::size_t position_ = 0;
  Place place_;          // source and line of position_
  std::string subject_;  // "&optim lr_peak", for messages
  Document document_;
};

void Parser::advance() {
  if (text_[position_] == '\n' && place_.line > 0) ++place_.line;
  ++position_;
}

void Parser::skip_blanks() {
  while (!done() && (is_blank(look()) || look() == '!')) {
    if (look() == '!') {
      while (!done() && look() != '\n') advance();
    } else {
      advance();
    }
  }
}

std::string_view Parser::read_while(bool (*belongs)(char)) {
  const std::size_t begin = position_;
  while (!done() && belongs(look())) advance();
  return text_.substr(begin, position_ - begin);
}

/// A value outside of quotes. A slash that ends no group belongs to it: a path without quotes.
std::string_view Parser::read_word() {
  const auto stops = [](char c) {
    return is_blank(c) || is_quote(c) || c == ',' || c == '!' || c == '=' || c == '(' || c == ')' ||
           c == '&';
  };
  const std::size_t begin = position_;
  while (!done() && !stops(look()) && !at_slash()) advance();
  return text_.substr(begin, position_ - begin);
}

/// A slash that ends a group. Only blanks, comments or a group may follow one, so a slash with
/// other text behind is no such end.
bool Parser::at_slash() const {
  return !done() && look() == '/' && (is_blank(look(1)) || look(1) == '!' || look(1) == '&');
}

bool Parser::at_end_word() const {
  return lower(rest().substr(0, 4)) == "&end" && !is_name_character(look(4));
}

/// Whether `name =` or `name(...) =` stands here.
bool Parser::at_key() {
  if (done() || !is_letter(look())) return false;
  const std::size_t position = position_;
  const int line = place_.line;
  read_while(is_name_character);
  skip_blanks();
  if (!done() && look() == '(') {
    read_while([](char c) { return c != ')' && c != '\n'; });
    if (!done() && look() == ')') advance();
    skip_blanks();
  }
  const bool found = !done() && look() == '=';
  position_ = position;
  place_.line = line;
  return found;
}

void Parser::mistake(const Place& place, std::string what) {
  document_.mistakes.push_back({place, std::move(what)});
}

/// One mistake an assignment: what follows the first is a guess.
void Parser::damage(Assignment& assignment, const std::string& what) {
  if (!assignment.damaged) mistake(here(), fmt::format("{}: {}", subject_, what));
  assignment.damaged = true;
}

/// Goes on to the next key or the end of the group.
void Parser::recover() {
  for (skip_blanks(); !done() && !at_slash() && look() != '&' && !at_key(); skip_blanks()) {
    if (read_word().empty()) advance();
  }
}

Document Parser::parse_deck() {
  if (text_.find('\0') != text_.npos) {
    mistake({place_.source}, "not a text file; a deck is a Fortran namelist (jespr --help)");
    return std::move(document_);
  }
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text_.substr(0, byte_order_mark.size()) == byte_order_mark) position_ = 3;
  bool stray = false;  // one mistake for all stray text up to the next group
  for (skip_blanks(); !done(); skip_blanks()) {
    if (look() == '&') {
      read_block();
      stray = false;
      continue;
    }
    if (!stray) {
      mistake(here(), fmt::format("text outside of a group: '{}'; groups are &name ... /, comments "
                                  "begin with !",
                                  shown(rest())));
    }
    stray = true;
    read_while([](char c) { return c != '\n' && c != '&'; });
  }
  return std::move(document_);
}

void Parser::read_block() {
  Block block{here(), "", {}};
  if (at_end_word()) {
    mistake(here(), "&end without a group before it");
    position_ += 4;
    return;
  }
  advance();
  block.name = lower(read_while(is_name_character));
  if (block.name.empty() || !is_letter(block.name.front())) {
    mistake(here(), "the name of a group must follow & at once, as in &run");
    skip_blanks();
    if (!at_key()) block.name = lower(read_while(is_name_character));
  }
  const std::string name = fmt::format("&{}", block.name);
  for (;;) {
    skip_blanks();
    if (done()) {
      mistake(block.place, name + " is not closed; a / must end it");
      break;
    }
    if (at_slash()) {
      advance();
      break;
    }
    if (at_end_word()) {
      position_ += 4;
      break;
    }
    if (look() == '&') {
      mistake(block.place,
              fmt::format("{} is not closed before line {}; a / must end it", name, place_.line));
      break;
    }
    if (is_letter(look())) {
      read_assignment(block);
    } else {
      mistake(here(), fmt::format("{}: expected key = value, found '{}'", name, shown(rest())));
      recover();
    }
  }
  if (!block.name.empty()) document_.blocks.push_back(std::move(block));
}

void Parser::read_assignment(Block& block) {
  Assignment assignment{here(), lower(read_while(is_name_character)), {}, {}};
  subject_ = fmt::format("&{} {}", block.name, assignment.key);
  skip_blanks();
  read_section(assignment);
  skip_blanks();
  if (!assignment.damaged && (done() || look() != '=')) {
    const std::string found = done() ? "the end of the deck" : fmt::format("'{}'", shown(rest()));
    damage(assignment, "expected = after the key, found " + found);
  }
  if (assignment.damaged) {
    recover();
  } else {
    advance();
    read_values(assignment);
  }
  block.assignments.push_back(std::move(assignment));
}

/// The subscript, if there is one.
void Parser::read_section(Assignment& assignment) {
  if (done() || look() != '(') return;
  advance();
  const std::string_view inside = read_while([](char c) { return c != ')' && c != '\n'; });
  assignment.section = to_section(inside);
  if (!done() && look() == ')' && assignment.section) {
    advance();
    return;
  }
  subject_ += fmt::format("({})", shown(inside));
  damage(assignment, "a subscript is a number from 1 or a range, as (3) or (2:4)");
}

void Parser::read_values(Assignment& assignment) {
  bool waiting = true;  // no value since the beginning or the last comma
  for (;;) {
    const std::size_t before = position_;
    skip_blanks();
    if (done() || at_slash() || look() == '&' || at_key()) return;
    if (look() == ',') {
      if (waiting) append(assignment, 1, {});
      waiting = true;
      advance();
      continue;
    }
    if (!waiting && position_ == before) {
      damage(assignment, fmt::format("expected a blank or a comma before '{}'", shown(rest())));
    }
    waiting = false;
    read_value(assignment);
  }
}

void Parser::read_value(Assignment& assignment) {
  if (is_quote(look())) {
    append(assignment, 1, read_quoted(assignment));
    return;
  }
  const std::string_view word = read_word();
  if (word.empty()) {
    damage(assignment, fmt::format("expected a value, found '{}'", shown(rest())));
    advance();
    return;
  }
  const Repeat repeat = to_repeat(word);
  if (repeat.written && repeat.rest.empty() && !done() && is_quote(look())) {
    append(assignment, repeat.count, read_quoted(assignment));
  } else if (repeat.written && repeat.rest.empty()) {
    append(assignment, repeat.count, {});
  } else {
    append(assignment, repeat.count, {Item::Kind::word, std::string(repeat.rest)});
  }
}

Item Parser::read_quoted(Assignment& assignment) {
  const char quote = look();
  const std::size_t begin = position_;
  Item item{Item::Kind::quoted, ""};
  for (advance(); !done(); advance()) {
    if (look() == quote && look(1) != quote) {
      advance();
      return item;
    }
    if (look() == quote) advance();  // doubled: one of them counts
    if (is_control(look())) break;
    item.text += look();
  }
  const bool line_ends = done() || look() == '\n' || look() == '\r';
  const std::string quoted = shown(text_.substr(begin, position_ - begin));
  damage(assignment, line_ends ? fmt::format("the text {} has no closing quote", quoted)
                               : fmt::format("a control character in the text {}", quoted));
  const std::size_t line_end = std::min(text_.find('\n', begin), text_.size());
  const std::string_view line = trimmed(text_.substr(begin, line_end - begin));
  position_ = line.back() == '/' ? begin + line.size() - 1 : line_end;  // that slash ends the group
  return item;
}

void Parser::append(Assignment& assignment, std::int64_t count, const Item& item) {
  const auto size = static_cast<std::int64_t>(assignment.items.size());
  if (count < 1) {
    damage(assignment, "a repeat count is at least 1");
  } else if (count > most_items - size) {
    damage(assignment, fmt::format("more than {} values", most_items));
  } else {
    assignment.items.insert(assignment.items.end(), static_cast<std::size_t>(count), item);
  }
}

Document Parser::parse_argument() {
  const std::size_t equals = text_.find('=');
  const std::string_view left = trimmed(text_.substr(0, equals));
  const std::size_t dot = left.find('.');
  const std::size_t bracket = std::min(left.find('('), left.size());
  Assignment assignment{here(), "", {}, {}};
  Block block{here(), "", {}};
  if (dot < bracket) {
    block.name = lower(left.substr(0, dot));
    assignment.key = lower(left.substr(dot + 1, bracket - dot - 1));
  }
  const auto is_name = [](const std::string& name) {
    return !name.empty() && is_letter(name.front()) &&
           std::all_of(name.begin(), name.end(), is_name_character);
  };
  if (std::any_of(text_.begin(), text_.end(), is_control)) {
    mistake(here(), fmt::format("a control character in '{}'", shown(text_)));
    return std::move(document_);
  }
  if (equals == text_.npos || !is_name(block.name) || !is_name(assignment.key)) {
    mistake(here(), fmt::format("'{}': expected group.key=value", shown(text_)));
    return std::move(document_);
  }
  subject_ = block.name + "." + assignment.key;
  position_ = left.data() - text_.data() + bracket;
  read_section(assignment);
  position_ = equals + 1;
  if (!rest().empty() && is_quote(look())) {
    read_values(assignment);
    if (!done()) damage(assignment, fmt::format("unexpected text '{}'", shown(rest())));
  } else {
    read_shell_values(assignment);
  }
  block.assignments.push_back(std::move(assignment));
  document_.blocks.push_back(std::move(block));
  return std::move(document_);
}

/// What stands between commas, whatever it is: the shell has already undone the quotes.
void Parser::read_shell_values(Assignment& assignment) {
  std::string_view values = trimmed(rest());
  for (bool more = true; more;) {
    const std::size_t comma = values.find(',');
    more = comma != values.npos;
    const std::string_view word = trimmed(values.substr(0, comma));
    if (more) values.remove_prefix(comma + 1);
    if (word.empty() && !more && !assignment.items.empty()) return;  // a trailing comma
    const Repeat repeat = to_repeat(word);
    const bool null = repeat.rest.empty() && (more || repeat.written);
    append(assignment, repeat.count,
           null ? Item{} : Item{Item::Kind::shell, std::string(repeat.rest)});
  }
}

}  // namespace

std::string to_string(const Place& place) {
  return place.line > 0 ? fmt::format("{}:{}", place.source, place.line) : place.source;
}

Document parse(std::string_view text, const std::string& source) {
  return Parser(text, {source, 1, 0}).parse_deck();
}

Document parse_override(std::string_view argument, std::size_t order) {
  return Parser(argument, {"command line", 0, order}).parse_argument();
}

}  // namespace jespr::deck
