// Vocabulary of declarations: storage and look-up.
#include "deck/schema.hpp"

#include <algorithm>
#include <cassert>
#include <type_traits>

namespace jespr::deck {
namespace {

template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};

}  // namespace

Parameter& Parameter::required() {
  required_ = true;
  return *this;
}

Parameter& Parameter::formerly(std::string name) {
  former_name_ = std::move(name);
  return *this;
}

Parameter& Parameter::only_for(std::vector<std::string> tasks) {
  tasks_ = std::move(tasks);
  return *this;
}

Parameter& Parameter::names_task() {
  assert(form_ == Form::choice);
  names_task_ = true;
  return *this;
}

Parameter& Parameter::sets_defaults(std::function<void()> fill) {
  fill_ = std::move(fill);
  return *this;
}

bool Parameter::is_array() const {
  return std::visit([](auto* v) { return is_vector<std::remove_pointer_t<decltype(v)>>::value; },
                    variable_);
}

std::vector<Element> Parameter::value() const {
  return std::visit(
      [](auto* v) -> std::vector<Element> {
        if constexpr (is_vector<std::remove_pointer_t<decltype(v)>>::value) {
          return {v->begin(), v->end()};
        } else {
          return {*v};
        }
      },
      variable_);
}

void Parameter::set_value(const std::vector<Element>& value) const {
  std::visit(
      [&value](auto* v) {
        using T = std::remove_pointer_t<decltype(v)>;
        if constexpr (is_vector<T>::value) {
          v->clear();
          for (const Element& element : value) {
            v->push_back(std::get<typename T::value_type>(element));
          }
        } else {
          assert(value.size() == 1);
          *v = std::get<T>(value.front());
        }
      },
      variable_);
}

Parameter& Group::add(const std::string& name, Form form, Variable variable,
                      const std::string& doc) {
  assert(!find(name) && "a parameter is declared once");
  parameters_.push_back(Parameter(name, form, variable, doc));
  return parameters_.back();
}

Parameter& Group::logical(const std::string& name, bool& variable, const std::string& doc) {
  return add(name, Form::logical, &variable, doc);
}

Parameter& Group::integer(const std::string& name, std::int64_t& variable,
                          const IntegerRange& range, const std::string& doc) {
  Parameter& parameter = add(name, Form::integer, &variable, doc);
  parameter.integer_range_ = range;
  return parameter;
}

Parameter& Group::real(const std::string& name, double& variable, const RealRange& range,
                       const std::string& doc) {
  Parameter& parameter = add(name, Form::real, &variable, doc);
  parameter.real_range_ = range;
  return parameter;
}

Parameter& Group::text(const std::string& name, std::string& variable, const std::string& doc) {
  return add(name, Form::text, &variable, doc);
}

Parameter& Group::choice(const std::string& name, std::string& variable,
                         const std::vector<std::string>& choices, const std::string& doc) {
  assert(std::find(choices.begin(), choices.end(), variable) != choices.end());
  Parameter& parameter = add(name, Form::choice, &variable, doc);
  parameter.choices_ = choices;
  return parameter;
}

Parameter& Group::path(const std::string& name, std::string& variable, const std::string& doc) {
  return add(name, Form::path, &variable, doc);
}

Parameter& Group::integers(const std::string& name, std::vector<std::int64_t>& variable,
                           const IntegerRange& range, const std::string& doc) {
  Parameter& parameter = add(name, Form::integer, &variable, doc);
  parameter.integer_range_ = range;
  return parameter;
}

Parameter& Group::reals(const std::string& name, std::vector<double>& variable,
                        const RealRange& range, const std::string& doc) {
  Parameter& parameter = add(name, Form::real, &variable, doc);
  parameter.real_range_ = range;
  return parameter;
}

Parameter& Group::texts(const std::string& name, std::vector<std::string>& variable,
                        const std::string& doc) {
  return add(name, Form::text, &variable, doc);
}

Parameter& Group::paths(const std::string& name, std::vector<std::string>& variable,
                        const std::string& doc) {
  return add(name, Form::path, &variable, doc);
}

void Group::check(const std::string& key, std::function<std::string()> objection) {
  assert(find(key) && "a check belongs to a parameter of its group");
  checks_.push_back({key, std::move(objection)});
}

Group& Group::only_for(std::vector<std::string> tasks) {
  tasks_ = std::move(tasks);
  return *this;
}

const Parameter* Group::find(const std::string& key) const {
  for (const Parameter& parameter : parameters_) {
    if (parameter.name() == key) return &parameter;
  }
  return nullptr;
}

const Parameter* Group::find_former(const std::string& key) const {
  for (const Parameter& parameter : parameters_)
    if (!key.empty() && parameter.former_name() == key) return &parameter;
  return nullptr;
}

bool Group::concerns(const Parameter& parameter, const std::string& task) const {
  const auto names = [&task](const std::vector<std::string>& tasks) {
    return tasks.empty() || std::find(tasks.begin(), tasks.end(), task) != tasks.end();
  };
  return names(tasks_) && names(parameter.tasks());
}

Group& Schema::group(const std::string& name, const std::string& doc) {
  assert(!find(name) && "a group is declared once");
  return groups_.emplace_back(name, doc);
}

const Group* Schema::find(const std::string& name) const {
  for (const Group& group : groups_) {
    if (group.name() == name) return &group;
  }
  return nullptr;
}

const Parameter* Schema::task_parameter() const {
  for (const Group& group : groups_) {
    for (const Parameter& parameter : group.parameters()) {
      if (parameter.is_task()) return &parameter;
    }
  }
  return nullptr;
}

void Schema::fill_defaults() const {
  for (const Group& group : groups_) {
    for (const Parameter& parameter : group.parameters()) {
      if (parameter.fill()) parameter.fill()();
    }
  }
}

std::string Schema::task() const {
  const Parameter* parameter = task_parameter();
  return parameter ? std::get<std::string>(parameter->value().front()) : std::string();
}

}  // namespace jespr::deck
