// Decks written by the program.
#include "deck/writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include "base/error.hpp"
#include "base/hash.hpp"
#include "deck/text.hpp"
#include "deck/values.hpp"

namespace jespr::deck {
namespace {

/// Each group that concerns the task: an opening, a line for each of its parameters, "/".
std::string written(const Schema& schema, const std::function<std::string(const Group&)>& opening,
                    const std::function<std::string(const Parameter&)>& line) {
  std::string text;
  const std::string task = schema.task();
  for (const Group& group : schema.groups()) {
    std::string lines;
    for (const Parameter& parameter : group.parameters()) {
      if (group.concerns(parameter, task)) lines += line(parameter);
    }
    if (!lines.empty()) text += opening(group) + lines + "/\n";
  }
  return text;
}

std::string assignment(const Parameter& parameter) {
  return parameter.name() + " = " + to_string(parameter.value());
}

/// What every parameter of `schema` holds now, in the order of declaration.
std::vector<std::vector<Element>> values_of(const Schema& schema) {
  std::vector<std::vector<Element>> values;
  for (const Group& group : schema.groups())
    for (const Parameter& parameter : group.parameters()) values.push_back(parameter.value());
  return values;
}

/// Parameters whose default some choice of another parameter (a preset) changes: a template that
/// set them would keep that choice from acting. Variables end as they were.
std::set<const Parameter*> filled_by_choices(const Schema& schema) {
  std::set<const Parameter*> filled;
  for (const Group& group : schema.groups()) {
    for (const Parameter& chooser : group.parameters()) {
      if (!chooser.fill()) continue;
      const auto before = values_of(schema);
      for (const std::string& choice : chooser.choices()) {
        chooser.set_value({Element(choice)});
        chooser.fill()();
        auto old = before.begin();
        for (const Group& other : schema.groups()) {
          for (const Parameter& parameter : other.parameters()) {
            if (&parameter != &chooser && parameter.value() != *old) filled.insert(&parameter);
            parameter.set_value(*old++);
          }
        }
      }
    }
  }
  return filled;
}

}  // namespace

std::string processed(const Schema& schema) {
  return written(
      schema, [](const Group& group) { return "&" + group.name() + "\n"; },
      [](const Parameter& parameter) { return "  " + assignment(parameter) + "\n"; });
}

std::uint64_t hash(const Schema& schema) { return fnv1a64(processed(schema)); }

std::string template_deck(const Schema& schema, const std::string& task) {
  if (const Parameter* parameter = schema.task_parameter()) {
    const std::vector<std::string>& tasks = parameter->choices();
    if (std::find(tasks.begin(), tasks.end(), task) == tasks.end()) {
      fail(Exit::deck,
           fmt::format("command line: --template {}: tasks are {}", task, fmt::join(tasks, ", ")));
    }
    parameter->set_value({Element(task)});
  }
  schema.fill_defaults();
  const auto opening = [](const Group& group) {
    return fmt::format("\n&{}  ! {}\n", group.name(), group.doc());
  };
  const std::set<const Parameter*> filled = filled_by_choices(schema);
  const auto line = [&filled](const Parameter& parameter) {
    const std::string what = fmt::format("{}{}: {}", parameter.is_required() ? "required, " : "",
                                         expectation(parameter), parameter.doc());
    const std::string start = (filled.count(&parameter) > 0 ? "! " : "") + assignment(parameter);
    return wrapped(fmt::format("  {:<30} ! ", start), fmt::format("{:32} ! ", ""), what);
  };
  const std::string text = written(schema, opening, line);
  const bool has_filled = text.find("\n  ! ") != std::string::npos;
  return fmt::format("! A deck for task = '{}': every parameter at its default\n{}", task,
                     has_filled
                         ? "! Keys behind a ! follow the preset or kind of their group; drop "
                           "the ! to set one yourself\n"
                         : "") +
         text;
}

}  // namespace jespr::deck
