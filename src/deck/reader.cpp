// The strict reader: collects every mistake before it gives up.
#include "deck/reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>  // for strerror
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "deck/grammar.hpp"
#include "deck/nearest.hpp"
#include "deck/values.hpp"

namespace jespr::deck {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_mistakes = 50;  // in a message

bool from_command_line(const Place& place) { return place.source == "command line"; }

/// "&optim lr_peak" in the deck, "optim.lr_peak" on the command line.
std::string subject(const Place& place, const std::string& group, const std::string& key) {
  return from_command_line(place) ? group + "." + key : "&" + group + " " + key;
}

std::string written(const Item& item) {
  return item.kind == Item::Kind::quoted ? to_string(Element(item.text)) : item.text;
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "'" : ", '") + name + "'";
  return text;
}

class Reader {
 public:
  Reader(const Schema& schema, const Source& source, bool asks_checks)
      : schema_(schema), source_(source), asks_checks_(asks_checks) {}
  void read();

 private:
  struct Given {  // what deck and command line say of one parameter, in their order
    std::vector<const Assignment*> assignments;
    bool mistaken = false;
  };

  void collect(const Document& document);
  void collect(const Block& block, const Group& group);
  std::string no_such_parameter(const Group& group, const std::string& key) const;
  void refuse_repeats(const Group& group, const Parameter& parameter);
  void set(const Group& group, const Parameter& parameter);
  bool assign(const std::string& name, const Parameter& parameter, const Assignment& assignment,
              std::vector<Element>& value);
  std::optional<Element> element(const std::string& name, const Parameter& parameter,
                                 const Assignment& assignment, const Item& item);
  void check_size(const Group& group, const Parameter& parameter, std::size_t size);
  std::string known_task() const;
  void check_task(const Group& group);
  void check_required(const Group& group);
  void run_checks(const Group& group);
  Place place_of(const Group& group, const Parameter& parameter) const;
  void mistake(const Place& place, std::string what);
  [[noreturn]] void give_up();

  const Schema& schema_;
  const Source& source_;
  const bool asks_checks_;
  std::vector<Document> documents_;  // the deck, then each override
  std::map<const Group*, Place> group_places_;
  std::map<const Parameter*, Given> given_;
  std::vector<Mistake> mistakes_;
};

void Reader::read() {
  documents_.push_back(parse(source_.text, source_.name));
  for (std::size_t i = 0; i < source_.overrides.size(); ++i) {
    documents_.push_back(parse_override(source_.overrides[i], i));
  }
  for (const Document& document : documents_) collect(document);
  if (documents_.front().blocks.empty()) {  // no deck: what it lacks is of no interest
    if (mistakes_.empty()) {
      mistake({source_.name}, "holds no groups; jespr --template train shows what a deck is");
    }
    give_up();
  }

  for (const bool first : {true, false}) {  // those that set the defaults of others come first
    for (const Group& group : schema_.groups()) {
      for (const Parameter& parameter : group.parameters()) {
        if (static_cast<bool>(parameter.fill()) != first) continue;
        set(group, parameter);
        if (parameter.fill()) parameter.fill()();
      }
    }
  }
  for (const Group& group : schema_.groups()) check_task(group);
  for (const Group& group : schema_.groups()) check_required(group);
  if (asks_checks_)
    for (const Group& group : schema_.groups()) run_checks(group);
  if (!mistakes_.empty()) give_up();
}

void Reader::collect(const Document& document) {
  for (const Mistake& found : document.mistakes) mistakes_.push_back(found);
  for (const Block& block : document.blocks) {
    const Group* group = schema_.find(block.name);
    const bool shell = from_command_line(block.place);
    if (!group) {
      std::vector<std::string> names;
      for (const Group& known : schema_.groups()) names.push_back(known.name());
      const std::string near = nearest(block.name, names);
      const std::string mark = shell ? "" : "&";
      mistake(block.place, mark + block.name + ": no such group" +
                               (near.empty() ? "" : "; nearest is " + mark + near) +
                               " (jespr --help)");
      continue;
    }
    if (!shell) {
      const auto [first, is_new] = group_places_.emplace(group, block.place);
      if (!is_new) {
        mistake(block.place, fmt::format("&{}: appears twice, first at line {}", block.name,
                                         first->second.line));
      }
    }
    collect(block, *group);
  }
}

void Reader::collect(const Block& block, const Group& group) {
  for (const Assignment& assignment : block.assignments) {
    const Parameter* parameter = group.find(assignment.key);
    if (!parameter && !asks_checks_) parameter = group.find_former(assignment.key);
    if (parameter) {
      given_[parameter].assignments.push_back(&assignment);
    } else if (!assignment.damaged) {
      mistake(assignment.place, subject(assignment.place, group.name(), assignment.key) +
                                    ": no such parameter" +
                                    no_such_parameter(group, assignment.key));
    }
  }
}

/// What to say of an unknown key: its new name, the group that it belongs to, or the nearest key.
std::string Reader::no_such_parameter(const Group& group, const std::string& key) const {
  if (const Parameter* renamed = group.find_former(key))
    return "; it is called " + renamed->name() + " now";
  for (const Group& other : schema_.groups()) {
    if (other.find(key)) {
      return " here; it belongs to &" + other.name() + " (jespr --help " + other.name() + ")";
    }
  }
  std::vector<std::string> names;
  for (const Parameter& parameter : group.parameters()) names.push_back(parameter.name());
  const std::string near = nearest(key, names);
  return (near.empty() ? "" : "; nearest is " + near) + " (jespr --help " + group.name() + ")";
}

/// Each element may be set once by the deck and once by the command line.
void Reader::refuse_repeats(const Group& group, const Parameter& parameter) {
  struct Span {
    std::int64_t first, last;
    Place place;
  };
  std::vector<Span> spans;
  for (const Assignment* assignment : given_[&parameter].assignments) {
    Span span{0, std::numeric_limits<std::int64_t>::max(), assignment->place};
    if (assignment->section) span.first = assignment->section->first;
    if (assignment->section && assignment->section->last) span.last = *assignment->section->last;
    for (const Span& other : spans) {
      const bool shell = from_command_line(span.place);
      if (shell != from_command_line(other.place)) continue;
      if (span.first > other.last || other.first > span.last) continue;
      const std::string first = shell ? "" : fmt::format(", first at line {}", other.place.line);
      mistake(span.place,
              subject(span.place, group.name(), parameter.name()) + ": is given twice" + first);
      given_[&parameter].mistaken = true;
      break;
    }
    spans.push_back(span);
  }
}

void Reader::set(const Group& group, const Parameter& parameter) {
  refuse_repeats(group, parameter);
  Given& given = given_[&parameter];
  std::vector<Element> value = parameter.value();
  for (const Assignment* assignment : given.assignments) {
    const std::string name = subject(assignment->place, group.name(), parameter.name());
    if (assignment->damaged || !assign(name, parameter, *assignment, value)) given.mistaken = true;
  }
  if (given.mistaken) return;
  if (!given.assignments.empty()) check_size(group, parameter, value.size());
  if (parameter.form() == Form::path) {  // defaults, too, count from the deck's folder
    for (Element& element : value) {
      std::string& path = std::get<std::string>(element);
      if (path.empty()) continue;
      path = (fs::path(source_.folder) / path).lexically_normal().string();
      if (path.size() > 1 && path.back() == '/') path.pop_back();
    }
  }
  if (!given.mistaken) parameter.set_value(value);
}

/// Applies one assignment to `value`; false after a mistake. `name` is "&optim lr_peak".
bool Reader::assign(const std::string& name, const Parameter& parameter,
                    const Assignment& assignment, std::vector<Element>& value) {
  const std::vector<Item>& items = assignment.items;
  const auto refuse = [&](const std::string& what) {
    mistake(assignment.place, what);
    return false;
  };
  if (!parameter.is_array() && assignment.section) {
    return refuse(name + " is not an array: no subscript");
  }
  if (!parameter.is_array() && items.size() > 1) {
    return refuse(fmt::format("{}: takes one value, found {}", name, items.size()));
  }
  std::size_t first = 0;
  if (assignment.section) {
    const Section& section = *assignment.section;
    first = static_cast<std::size_t>(section.first - 1);
    if (section.last && items.size() != static_cast<std::size_t>(*section.last) - first) {
      return refuse(fmt::format("{}({}:{}): takes {} values, found {}", name, section.first,
                                *section.last, *section.last - section.first + 1, items.size()));
    }
    if (first > value.size()) {
      return refuse(fmt::format("{}({}): there are {} elements; the next to append is ({})", name,
                                section.first, value.size(), value.size() + 1));
    }
  }
  bool good = true;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::size_t index = first + i;
    std::string element_name = name;
    if (parameter.is_array()) element_name += fmt::format("({})", index + 1);
    if (items[i].kind == Item::Kind::null) {
      if (index < value.size()) continue;
      mistake(assignment.place, element_name + ": is empty and has no default");
      return false;
    }
    const std::optional<Element> found = element(element_name, parameter, assignment, items[i]);
    good = good && found;
    if (index >= value.size()) value.resize(index + 1);
    if (found) value[index] = *found;
  }
  if (parameter.is_array() && !assignment.section && !items.empty()) value.resize(items.size());
  return good;
}

/// The item as an element of the parameter, or a mistake.
std::optional<Element> Reader::element(const std::string& name, const Parameter& parameter,
                                       const Assignment& assignment, const Item& item) {
  const std::optional<Element> found = to_element(parameter, item);
  if (!found) {
    const bool is_text = parameter.form() == Form::text || parameter.form() == Form::path ||
                         parameter.form() == Form::choice;
    std::string what = "expects " + expectation(parameter);
    if (is_text && item.kind == Item::Kind::word) {
      what = "a text needs quotes: " + to_string(Element(item.text));
    } else if (!is_text && item.kind == Item::Kind::quoted) {
      what += ", without quotes";
    } else if (parameter.form() == Form::choice) {
      what = "choices are " + fmt::format("{}", fmt::join(parameter.choices(), ", "));
    }
    mistake(assignment.place, name + " = " + written(item) + ": " + what);
  } else if (parameter.form() == Form::path && from_command_line(assignment.place)) {
    const std::string& path = std::get<std::string>(*found);
    return Element(path.empty() ? path : (fs::current_path() / path).string());
  }
  return found;
}

void Reader::check_size(const Group& group, const Parameter& parameter, std::size_t size) {
  if (!parameter.is_array()) return;
  const bool real = parameter.form() == Form::real;
  const std::size_t least = real ? parameter.real_range().least : parameter.integer_range().least;
  const std::size_t most = real ? parameter.real_range().most : parameter.integer_range().most;
  if (size >= least && size <= most) return;
  const Place place = place_of(group, parameter);
  const std::string limit =
      size < least ? fmt::format("at least {}", least) : fmt::format("at most {}", most);
  mistake(place, fmt::format("{}: has {} elements, expects {}",
                             subject(place, group.name(), parameter.name()), size, limit));
  given_[&parameter].mistaken = true;
}

/// "" where the deck names none of the tasks though it must: then only what concerns all of them is
/// looked at.
std::string Reader::known_task() const {
  const Parameter* parameter = schema_.task_parameter();
  if (!parameter) return schema_.task();
  const auto found = given_.find(parameter);
  const bool given = found != given_.end() && !found->second.assignments.empty();
  const bool known = given ? !found->second.mistaken : !parameter->is_required();
  return known ? schema_.task() : "";
}

void Reader::check_task(const Group& group) {
  const std::string task = known_task();
  if (task.empty()) return;
  const auto refuse = [&](const Place& place, const std::string& what,
                          const std::vector<std::string>& tasks) {
    mistake(place,
            fmt::format("{}: only for task {}, and this is '{}'", what, quoted_list(tasks), task));
  };
  const auto found = group_places_.find(&group);
  const std::vector<std::string>& tasks = group.tasks();
  const bool foreign = !tasks.empty() && std::find(tasks.begin(), tasks.end(), task) == tasks.end();
  if (foreign && found != group_places_.end()) refuse(found->second, "&" + group.name(), tasks);
  for (const Parameter& parameter : group.parameters()) {
    if (group.concerns(parameter, task)) continue;
    for (const Assignment* assignment : given_[&parameter].assignments) {
      if (foreign && !from_command_line(assignment->place)) continue;  // said of the group
      refuse(assignment->place, subject(assignment->place, group.name(), parameter.name()),
             foreign ? tasks : parameter.tasks());
      break;
    }
  }
}

void Reader::check_required(const Group& group) {
  const std::string task = known_task();
  for (const Parameter& parameter : group.parameters()) {
    if (!parameter.is_required() || !group.concerns(parameter, task)) continue;
    if (given_[&parameter].mistaken) continue;
    const std::vector<Element> value = parameter.value();
    const bool empty = value.empty() || value.front() == Element(std::string());
    bool given = false;
    for (const Assignment* assignment : given_[&parameter].assignments) {
      given = given || !assignment->items.empty();
    }
    if (given && !empty) continue;
    mistake(place_of(group, parameter),
            fmt::format("&{} {}: is required: {} (jespr --help {})", group.name(), parameter.name(),
                        parameter.doc(), group.name()));
  }
}

void Reader::run_checks(const Group& group) {
  const std::string task = known_task();
  for (const Check& check : group.checks()) {
    const Parameter& parameter = *group.find(check.key);
    const Given& given = given_[&parameter];
    if (given.mistaken || !group.concerns(parameter, task)) continue;
    const std::string objection = check.objection();
    if (objection.empty()) continue;
    const Place place = place_of(group, parameter);
    mistake(place, fmt::format("{} = {}{}: {}", subject(place, group.name(), parameter.name()),
                               to_string(parameter.value()),
                               given.assignments.empty() ? " (default)" : "", objection));
  }
}

/// Where the parameter was last given; else its group; else the deck as a whole.
Place Reader::place_of(const Group& group, const Parameter& parameter) const {
  const auto given = given_.find(&parameter);
  if (given != given_.end() && !given->second.assignments.empty()) {
    return given->second.assignments.back()->place;
  }
  const auto found = group_places_.find(&group);
  return found != group_places_.end() ? found->second : Place{source_.name};
}

void Reader::mistake(const Place& place, std::string what) {
  mistakes_.push_back({place, std::move(what)});
}

void Reader::give_up() {
  const auto rank = [](const Mistake& m) {  // lines of the deck, the deck, the command line
    const int part = from_command_line(m.place) ? 2 : m.place.line == 0 ? 1 : 0;
    return std::pair(part, m.place.order);
  };
  std::stable_sort(mistakes_.begin(), mistakes_.end(),
                   [&](const Mistake& a, const Mistake& b) { return rank(a) < rank(b); });
  std::string text;
  for (std::size_t i = 0; i < std::min(mistakes_.size(), most_mistakes); ++i) {
    text += to_string(mistakes_[i].place) + ": " + mistakes_[i].what + "\n";
  }
  if (mistakes_.size() > most_mistakes) {
    text += fmt::format("... and {} more\n", mistakes_.size() - most_mistakes);
  }
  const std::size_t count = mistakes_.size();
  text += fmt::format("{} mistake{}, nothing was started", count, count == 1 ? "" : "s");
  fail(Exit::deck, text);
}

}  // namespace

Source load(const std::string& path, const std::vector<std::string>& overrides) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) fail(Exit::deck, path + ": is a folder, not a deck");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) {
    fail(Exit::deck, path + ": cannot read the deck: " + std::strerror(errno));
  }
  return {path, text.str(), fs::absolute(path).parent_path().lexically_normal().string(),
          overrides};
}

void read(const Schema& schema, const Source& source) { Reader(schema, source, true).read(); }

void read_stored(const Schema& schema, const Source& source) {
  Reader(schema, source, false).read();
}

}  // namespace jespr::deck
