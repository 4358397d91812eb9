// Initial weights from files.
#include "driver/initial_weights.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "io/checkpoint.hpp"

namespace jespr {
namespace {

const std::string weights_group = "/state/parameters/";

/// Which group of the deck speaks for a tensor, and whether a file may lack it.
struct WeightPlace {
  std::string_view group;
  bool optional;
};

WeightPlace place_of(std::string_view name) {
  if (name.starts_with("class_heads.")) return {"", true};  // their rows are of a dataset's classes
  const bool of_sequence = name.starts_with("seq_encoder.");
  if (!of_sequence && !name.starts_with("struct_encoder.")) return {"joint", true};  // of the loss
  const std::string_view part = name.substr(name.find('.') + 1);
  for (const char* of_head :
       {"joint_embedding_projection.", "after_proj_ln.", "attention_pooling."})
    if (part.starts_with(of_head)) return {"joint", false};
  return {of_sequence ? "sequence" : "structure",
          part.starts_with("lm_head.") || part == "layer_weights"};
}

/// A group that names a file.
struct WeightSource {
  std::string_view group;
  std::string file;
  const char* shape_keys;  // of the deck, that decide which tensors there are
};

std::vector<WeightSource> sources_of(const ModelSettings& settings) {
  std::vector<WeightSource> sources = {
      {"sequence", settings.sequence.weights, "preset, or layers, width and heads,"},
      {"structure", settings.structure.weights, "preset, or layers, channels and heads,"},
      {"joint", settings.joint.weights, "width and head, and pooling of both encoders,"}};
  std::erase_if(sources, [](const WeightSource& source) { return source.file.empty(); });
  return sources;
}

/// What must be as it was where the weights were trained, though no shape shows it; or what only
/// deserves a word.
struct WeightRule {
  const char* key;
  std::string_view group;
  bool must;
  const char* parameter;
};

constexpr WeightRule weight_rules[] = {
    {"sequence.heads", "sequence", true, "&sequence heads"},
    {"structure.heads", "structure", true, "&structure heads"},
    {"structure.mode", "structure", false, "&structure mode"},
    {"structure.neighbours", "structure", false, "&structure neighbours"},
    {"loss.causal", "sequence", false, "causal attention (&loss kind or causal_weight)"},
    {"sequence.pooling", "joint", false, "&sequence pooling"},
    {"structure.pooling", "joint", false, "&structure pooling"},
};

void compare_forms(const io::File& file, const WeightSource& source, const ModelForm& form) {
  for (const WeightRule& rule : weight_rules) {
    const std::string path = std::string("/state/form/") + rule.key;
    if (rule.group != source.group || !file.exists(path)) continue;
    const auto here = std::find_if(form.begin(), form.end(),
                                   [&](const auto& entry) { return entry.first == rule.key; });
    const auto there = file.dataset(path).read<std::int64_t>().front();
    if (here->second == there) continue;
    if (rule.must)
      fail(
          Exit::data,
          fmt::format("{}: its weights were trained with {} = {}, the deck has {}: take the file's "
                      "number, or another file as &{} weights",
                      file.path(), rule.parameter, there, here->second, source.group));
    log::warning(fmt::format("{}: its weights were trained with another {} than this run's",
                             file.path(), rule.parameter));
  }
}

template <class To, class From>
std::vector<To> converted(const std::vector<From>& values) {
  std::vector<To> result(values.size());
  std::transform(values.begin(), values.end(), result.begin(),
                 [](From value) { return static_cast<To>(value); });
  return result;
}

/// One source and the store: what fits, what does not.
template <class P>
class WeightTaker {
 public:
  WeightTaker(ParameterStore<P>& store, const WeightSource& source)
      : store_(store), source_(source), file_(io::File::open(source.file)) {
    for (const std::string& path : file_.datasets("/state")) {
      if (!path.starts_with(weights_group)) continue;
      const std::string name = path.substr(weights_group.size());
      if (place_of(name).group == source.group) held_.push_back(name);
    }
  }

  std::string take(const ModelForm& form) {
    if (held_.empty())
      fail(Exit::data, fmt::format("{}: holds no weights for &{} weights (jespr info shows what it "
                                   "holds); name another file",
                                   source_.file, source_.group));
    require_same_tensors();
    compare_forms(file_, source_, form);
    for (auto& parameter : store_.parameters())
      if (is_mine(parameter) && holds(parameter.name)) read(parameter);
    store_.mark_updated();
    return summary();
  }

 private:
  bool holds(const std::string& name) const {
    return std::find(held_.begin(), held_.end(), name) != held_.end();
  }
  bool is_mine(const Parameter<P>& parameter) const {
    return place_of(parameter.name).group == source_.group;
  }

  /// Every tensor of the encoder is there, in its shape, and no other.
  void require_same_tensors() {
    std::vector<std::string> problems;  // the gravest kind first: it explains the others
    for (const auto& parameter : store_.parameters()) {
      if (!is_mine(parameter) || !holds(parameter.name)) continue;
      const io::Dataset dataset = file_.dataset(weights_group + parameter.name);
      const bool is_real =
          dataset.type() == io::ElementType::float32 || dataset.type() == io::ElementType::float64;
      if (!is_real || dataset.shape() != shape_of(parameter))
        problems.push_back(fmt::format("{} is {} [{}], expected real numbers [{}]", parameter.name,
                                       io::name_of(dataset.type()),
                                       fmt::join(dataset.shape(), ", "),
                                       fmt::join(shape_of(parameter), ", ")));
    }
    for (const auto& parameter : store_.parameters())
      if (is_mine(parameter) && !holds(parameter.name)) {
        if (place_of(parameter.name).optional)
          drawn_.push_back(parameter.name);
        else
          problems.push_back(parameter.name + " is missing");
      }
    for (const std::string& name : held_)
      if (!store_.find(name)) {
        if (place_of(name).optional)
          left_out_.push_back(name);
        else
          problems.push_back(name + " belongs to nothing in this run's model");
      }
    if (problems.empty()) return;
    const std::string more =
        problems.size() > 1 ? fmt::format(" (and {} more of the kind)", problems.size() - 1) : "";
    fail(Exit::data,
         fmt::format("{}: {}{}: the file holds the weights of another model than the deck "
                     "describes; set &{} {} to the file's (jespr info shows its tensors), or name "
                     "another file as &{} weights",
                     source_.file, problems.front(), more, source_.group, source_.shape_keys,
                     source_.group));
  }

  static io::Shape shape_of(const Parameter<P>& parameter) {
    io::Shape shape(parameter.shape.begin(), parameter.shape.end());
    if (shape.empty()) shape.push_back(1);  // a number is stored as one row
    return shape;
  }

  /// Numbers of the other precision are rounded, or widened.
  void read(Parameter<P>& parameter) {
    using Real = typename P::Master;
    const io::Dataset dataset = file_.dataset(weights_group + parameter.name);
    const std::vector<Real> values = dataset.type() == io::ElementType::float32
                                         ? converted<Real>(dataset.read<float>())
                                         : converted<Real>(dataset.read<double>());
    const auto bad = std::count_if(values.begin(), values.end(),
                                   [](Real value) { return !std::isfinite(value); });
    if (bad > 0)
      fail(Exit::data, fmt::format("{}: {} of {} numbers are not finite; nothing can start from "
                                   "them: name another file as &{} weights",
                                   dataset.title(), bad, values.size(), source_.group));
    to_device(parameter.value, values);
    ++taken_;
  }

  std::string summary() const {
    const auto listed = [](const char* what, const std::vector<std::string>& names) {
      if (names.empty()) return std::string();
      constexpr std::size_t most = 3;
      std::string text = fmt::format("; {}: {}", what, names.front());
      for (std::size_t i = 1; i < std::min(names.size(), most); ++i) text += ", " + names[i];
      if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
      return text;
    };
    const std::string origin =
        file_.exists("/info/source")
            ? file_.read_text("/info/source")
            : fmt::format("checkpoint after step {}",
                          file_.dataset("/state/step").read<std::int64_t>().front());
    return fmt::format("&{}: {} tensors from {} ({}){}{}", source_.group, taken_, source_.file,
                       origin, listed("not in it, drawn by seed", drawn_),
                       listed("of it not used", left_out_));
  }

  ParameterStore<P>& store_;
  const WeightSource& source_;
  io::File file_;
  std::vector<std::string> held_;              // names in the file
  std::vector<std::string> drawn_, left_out_;  // not in the file, not in the store
  std::size_t taken_ = 0;
};

}  // namespace

void check_initial_weights(const ModelSettings& settings, const Communicator& communicator,
                           const std::string& advice) {
  for (const WeightSource& source : sources_of(settings)) {
    std::string problem;
    if (!io::file_exists(source.file))
      problem = source.file + ": no such file";
    else if (!io::File::is_hdf5(source.file))
      problem = source.file +
                ": not an HDF5 file; utilities/import_weights.py makes one of published weights "
                "(.pt, .bin, .safetensors)";
    problem = io::first_problem(problem, &communicator);
    if (problem.empty()) problem = io::check_weights(source.file, communicator);
    if (!problem.empty())
      fail(Exit::data, fmt::format("&{} weights: {}{}", source.group, problem, advice));
  }
}

template <class P>
std::string take_initial_weights(ParameterStore<P>& store, const ModelSettings& settings) {
  std::string lines;
  for (const WeightSource& source : sources_of(settings)) {
    const std::string line = WeightTaker<P>(store, source).take(form_of(settings));
    log::line("weights  " + line);
    lines += (lines.empty() ? "" : "\n") + line;
  }
  return lines;
}

std::string initial_weights_of(const std::string& checkpoint) {
  const io::File file = io::File::open(checkpoint);
  const std::string path = std::string("/info/") + initial_weights_name;
  return file.exists(path) ? file.read_text(path) : "";
}

template std::string take_initial_weights<F32>(ParameterStore<F32>&, const ModelSettings&);
template std::string take_initial_weights<F64>(ParameterStore<F64>&, const ModelSettings&);

}  // namespace jespr
