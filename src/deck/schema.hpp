// Vocabulary in which the parts of the program declare their deck parameters: once, beside the code
// that they steer, bound to the variables that they set. Reader, help, templates, doc/deck.md, the
// processed deck and its hash all come from these declarations.
//
//   struct OptimSettings {
//     std::string kind = "adamw";
//     double lr_peak = 1e-3;
//     std::int64_t warmup_steps = 0;
//   };
//   void declare(deck::Schema& schema, OptimSettings& s) {
//     auto& group = schema.group("optim", "optimizer, learning-rate schedule, clipping");
//     group.only_for({"train"});
//     group.choice("kind", s.kind, {"adam", "adamw"}, "update rule; Kingma & Ba 2015");
//     group.real("lr_peak", s.lr_peak, {.min = 0, .above = true}, "rate after the warm-up");
//     group.integer("warmup_steps", s.warmup_steps, {.min = 0, .unit = "steps"}, "linear rise");
//     group.check("warmup_steps", [&s] { return s.warmup_steps < 9 ? "" : "too many; say 8"; });
//   }
//
// The default is what the variable holds when it is declared. Variables outlive the schema.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <string>
#include <variant>
#include <vector>

namespace jespr::deck {

/// Which integers are legal, and how many of them in an array.
struct IntegerRange {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::string unit = {};  // as help shows it: "steps", "residues"
  std::size_t least = 0;  // arrays: fewest elements
  std::size_t most = 1000;
};

/// Which reals are legal, and how many of them in an array. Only finite ones ever are.
struct RealRange {
  double min = -std::numeric_limits<double>::infinity();
  bool above = false;  // min itself is not legal
  double max = std::numeric_limits<double>::infinity();
  bool below = false;     // max itself is not legal
  std::string unit = {};  // "Angstrom", "s"
  std::size_t least = 0;
  std::size_t most = 1000;
};

/// The type of a parameter's elements.
enum class Form { logical, integer, real, text, path, choice };

/// One element of a value: of type logical, integer, real or (text, path, choice) string.
using Element = std::variant<bool, std::int64_t, double, std::string>;

/// The variable that a parameter sets.
using Variable =
    std::variant<bool*, std::int64_t*, double*, std::string*, std::vector<std::int64_t>*,
                 std::vector<double>*, std::vector<std::string>*>;

/// One declared parameter. What follows the declaration is chained to it:
///   group.path("dataset", s.dataset, "packed dataset").required();
class Parameter {
 public:
  /// The deck must give it, and not as an empty text.
  Parameter& required();
  /// It has a meaning only for these values of the parameter that names_task(); elsewhere the deck
  /// may not set it, and templates and processed decks leave it out.
  Parameter& only_for(std::vector<std::string> tasks);
  /// What it was called before: stored decks may still say so, others are told the new name.
  Parameter& formerly(std::string name);
  /// Its value is the task of the run (at most one parameter of a schema).
  Parameter& names_task();
  /// It is read before all parameters without this property; then `fill` sets the variables of
  /// others, as their new defaults. Also called when the deck does not set it.
  Parameter& sets_defaults(std::function<void()> fill);

  const std::string& name() const { return name_; }
  const std::string& former_name() const { return former_name_; }  // "" if it has none
  const std::string& doc() const { return doc_; }
  Form form() const { return form_; }
  bool is_array() const;
  bool is_required() const { return required_; }
  bool is_task() const { return names_task_; }
  const std::vector<std::string>& tasks() const { return tasks_; }  // empty: all
  const std::vector<std::string>& choices() const { return choices_; }
  const IntegerRange& integer_range() const { return integer_range_; }
  const RealRange& real_range() const { return real_range_; }
  const std::function<void()>& fill() const { return fill_; }

  /// The elements that the variable holds now; a scalar has exactly one.
  std::vector<Element> value() const;
  void set_value(const std::vector<Element>& value) const;

 private:
  friend class Group;
  Parameter(std::string name, Form form, Variable variable, std::string doc)
      : name_(std::move(name)), doc_(std::move(doc)), form_(form), variable_(variable) {}

  std::string name_, former_name_, doc_;
  Form form_;
  Variable variable_;
  IntegerRange integer_range_;
  RealRange real_range_;
  std::vector<std::string> choices_, tasks_;
  bool required_ = false, names_task_ = false;
  std::function<void()> fill_;
};

/// An objection to a parameter's value in view of others, shown at its place: "" agrees.
struct Check {
  std::string key;
  std::function<std::string()> objection;
};

/// A group of the deck. Names are lower case; `doc` is one line and names the source if it has one.
class Group {
 public:
  Group(std::string name, std::string doc) : name_(std::move(name)), doc_(std::move(doc)) {}
  Group(const Group&) = delete;  // write `auto& group = schema.group(...)`
  Group& operator=(const Group&) = delete;

  Parameter& logical(const std::string& name, bool& variable, const std::string& doc);
  Parameter& integer(const std::string& name, std::int64_t& variable, const IntegerRange& range,
                     const std::string& doc);
  Parameter& real(const std::string& name, double& variable, const RealRange& range,
                  const std::string& doc);
  Parameter& text(const std::string& name, std::string& variable, const std::string& doc);
  /// A text that is one of `choices`, whatever its case; the variable gets the declared spelling.
  Parameter& choice(const std::string& name, std::string& variable,
                    const std::vector<std::string>& choices, const std::string& doc);
  /// A file or folder. Relative ones count from the deck's folder, on the command line from the
  /// current folder; the variable gets the absolute path, or "" where none is given.
  Parameter& path(const std::string& name, std::string& variable, const std::string& doc);
  /// Arrays: `a = 1, 5, 10` replaces the default, `a(2) = 7` changes or appends one element.
  Parameter& integers(const std::string& name, std::vector<std::int64_t>& variable,
                      const IntegerRange& range, const std::string& doc);
  Parameter& reals(const std::string& name, std::vector<double>& variable, const RealRange& range,
                   const std::string& doc);
  Parameter& texts(const std::string& name, std::vector<std::string>& variable,
                   const std::string& doc);
  Parameter& paths(const std::string& name, std::vector<std::string>& variable,
                   const std::string& doc);

  /// Asked after the whole deck was read, with all variables set, unless `key` itself is mistaken.
  void check(const std::string& key, std::function<std::string()> objection);

  /// As Parameter::only_for, for the group as a whole.
  Group& only_for(std::vector<std::string> tasks);

  const std::string& name() const { return name_; }
  const std::string& doc() const { return doc_; }
  const std::vector<std::string>& tasks() const { return tasks_; }
  const std::deque<Parameter>& parameters() const { return parameters_; }
  const std::deque<Check>& checks() const { return checks_; }
  const Parameter* find(const std::string& key) const;
  /// The parameter that had this name before.
  const Parameter* find_former(const std::string& key) const;

  /// Whether the parameter has a meaning for `task`.
  bool concerns(const Parameter& parameter, const std::string& task) const;

 private:
  Parameter& add(const std::string& name, Form form, Variable variable, const std::string& doc);

  std::string name_, doc_;
  std::vector<std::string> tasks_;
  std::deque<Parameter> parameters_;  // a deque: references stay valid
  std::deque<Check> checks_;
};

/// All groups of the program's deck, in the order of their declaration.
class Schema {
 public:
  /// A new group; declaring a name twice is a bug.
  Group& group(const std::string& name, const std::string& doc);

  const std::deque<Group>& groups() const { return groups_; }
  const Group* find(const std::string& name) const;
  /// The parameter that names_task(), or none.
  const Parameter* task_parameter() const;
  /// Calls what Parameter::sets_defaults() was given, so that variables show their real defaults.
  void fill_defaults() const;
  /// The task that the variables name now; "" without such a parameter.
  std::string task() const;

 private:
  std::deque<Group> groups_;
};

}  // namespace jespr::deck
