// Decks written by the program.
#include "deck/writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

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
  const auto line = [](const Parameter& parameter) {
    const std::string what = fmt::format("{}{}: {}", parameter.is_required() ? "required, " : "",
                                         expectation(parameter), parameter.doc());
    return wrapped(fmt::format("  {:<30} ! ", assignment(parameter)), fmt::format("{:32} ! ", ""),
                   what);
  };
  return fmt::format("! A deck for task = '{}': every parameter at its default\n", task) +
         written(schema, opening, line);
}

}  // namespace jespr::deck
