// Values: reading whole words, writing canonical ones.
#include "deck/values.hpp"

#include <fmt/format.h>

#include <charconv>  // for from_chars
#include <cmath>

#include "deck/text.hpp"

namespace jespr::deck {
namespace {

/// The word with exponent letter e, as from_chars wants it; nothing if it is no Fortran real.
std::optional<std::string> with_exponent_letter(std::string_view word) {
  std::string result;
  std::size_t i = 0;
  const auto sign = [&] {
    if (i < word.size() && (word[i] == '+' || word[i] == '-')) {
      if (word[i] == '-') result += '-';
      ++i;
    }
  };
  const auto digits = [&] {
    const std::size_t begin = i;
    while (i < word.size() && is_digit(word[i])) result += word[i++];
    return i - begin;
  };
  sign();
  std::size_t mantissa = digits();
  if (i < word.size() && word[i] == '.') {
    result += word[i++];
    mantissa += digits();
  }
  if (mantissa == 0) return {};
  if (i == word.size()) return result;
  constexpr std::string_view letters = "edq";
  const bool lettered = letters.find(lower(word[i])) != letters.npos;
  if (!lettered && word[i] != '+' && word[i] != '-') return {};
  if (lettered) ++i;
  result += 'e';
  sign();
  if (digits() == 0 || i != word.size()) return {};
  return result;
}

bool in_range(std::int64_t value, const IntegerRange& range) {
  return value >= range.min && value <= range.max;
}

bool in_range(double value, const RealRange& range) {
  return (range.above ? value > range.min : value >= range.min) &&
         (range.below ? value < range.max : value <= range.max);
}

template <class T>
std::optional<Element> element_in(const std::optional<T>& value, const auto& range) {
  if (!value || !in_range(*value, range)) return {};
  return Element(*value);
}

std::string interval(const IntegerRange& range) {
  using Limits = std::numeric_limits<std::int64_t>;
  const bool low = range.min != Limits::min(), high = range.max != Limits::max();
  if (low && high) return fmt::format(" from {} to {}", range.min, range.max);
  if (low) return fmt::format(" >= {}", range.min);
  return high ? fmt::format(" <= {}", range.max) : "";
}

std::string interval(const RealRange& range) {
  const bool low = std::isfinite(range.min), high = std::isfinite(range.max);
  if (low && high && !range.above && !range.below) {
    return fmt::format(" from {} to {}", range.min, range.max);
  }
  std::string text;
  if (low) text += fmt::format(" {} {}", range.above ? ">" : ">=", range.min);
  if (low && high) text += " and";
  if (high) text += fmt::format(" {} {}", range.below ? "<" : "<=", range.max);
  return text;
}

std::string unit_text(const std::string& unit) { return unit.empty() ? "" : " (" + unit + ")"; }

}  // namespace

std::optional<std::int64_t> to_integer(std::string_view word) {
  if (word.size() > 1 && word[0] == '+' && is_digit(word[1])) word.remove_prefix(1);
  std::int64_t value = 0;
  const char* end = word.data() + word.size();
  const auto result = std::from_chars(word.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end) return {};
  return value;
}

std::optional<double> to_real(std::string_view word) {
  const std::optional<std::string> digits = with_exponent_letter(word);
  if (!digits) return {};
  double value = 0;
  const char* end = digits->data() + digits->size();
  const auto result = std::from_chars(digits->data(), end, value);
  if (result.ec != std::errc() || result.ptr != end) return {};
  return value;
}

std::optional<bool> to_logical(std::string_view word) {
  // Fortran reads any word that begins with t or f; a slip of the pen would be one, too.
  if (!word.empty() && word.front() == '.') word.remove_prefix(1);
  if (!word.empty() && word.back() == '.') word.remove_suffix(1);
  const std::string name = lower(word);
  if (name == "t" || name == "true") return true;
  if (name == "f" || name == "false") return false;
  return {};
}

std::optional<Element> to_element(const Parameter& parameter, const Item& item) {
  const bool is_word = item.kind != Item::Kind::quoted;
  const bool is_text = item.kind != Item::Kind::word;
  switch (parameter.form()) {
    case Form::logical:
      if (const auto value = to_logical(item.text); is_word && value) return Element(*value);
      return {};
    case Form::integer:
      if (!is_word) return {};
      return element_in(to_integer(item.text), parameter.integer_range());
    case Form::real:
      if (!is_word) return {};
      return element_in(to_real(item.text), parameter.real_range());
    case Form::text:
    case Form::path:
      return is_text ? std::optional<Element>(item.text) : std::nullopt;
    case Form::choice:
      for (const std::string& choice : parameter.choices()) {
        if (is_text && lower(choice) == lower(item.text)) return Element(choice);
      }
      return {};
  }
  return {};
}

std::string to_string(const Element& element) {
  if (const bool* logical = std::get_if<bool>(&element)) return *logical ? ".true." : ".false.";
  if (const auto* integer = std::get_if<std::int64_t>(&element)) return fmt::format("{}", *integer);
  if (const double* real = std::get_if<double>(&element)) {
    std::string text = fmt::format("{}", *real);
    if (text.find_first_of(".en") == text.npos) text += ".0";
    return text;
  }
  std::string text = "'";
  for (const char c : std::get<std::string>(element)) text += c == '\'' ? "''" : std::string(1, c);
  return text + "'";
}

std::string to_string(const std::vector<Element>& value) {
  std::string text;
  for (const Element& element : value) text += (text.empty() ? "" : ", ") + to_string(element);
  return text;
}

std::string expectation(const Parameter& parameter) {
  switch (parameter.form()) {
    case Form::logical:
      return ".true. or .false.";
    case Form::integer: {
      const IntegerRange& range = parameter.integer_range();
      return "an integer" + interval(range) + unit_text(range.unit);
    }
    case Form::real: {
      const RealRange& range = parameter.real_range();
      return "a real" + interval(range) + unit_text(range.unit);
    }
    case Form::text:
      return "a text";
    case Form::path:
      return "a path";
    case Form::choice: {
      std::vector<std::string> choices;
      for (const std::string& choice : parameter.choices()) choices.push_back("'" + choice + "'");
      return fmt::format("{}", fmt::join(choices, ", "));
    }
  }
  return "";
}

}  // namespace jespr::deck
