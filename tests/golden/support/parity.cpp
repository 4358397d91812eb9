// Parity.
#include "golden/support/parity.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "support/arrays.hpp"
#include "support/paths.hpp"

namespace jespr::test {
namespace {

constexpr double forward_bound = 1e-9, gradient_bound = 1e-8;  // f64
constexpr double reference_factor = 10;                        // f32, times the reference's error
constexpr double least_roundings = 4;                          // f32, times u

constexpr std::size_t short_array = 4;  // fewer numbers are judged by folder

double bound_of_single(double own_error) {
  return std::max(reference_factor * own_error, least_roundings * roundoff<float>);
}

double norm_of(const std::vector<double>& values) { return std::sqrt(dot(values, values)); }

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::isnan(sum) ? std::numeric_limits<double>::infinity() : std::sqrt(sum);
}

/// The path with component `from` replaced by `to`; unchanged when there is no such component.
std::string with_component(const std::string& path, const std::string& from,
                           const std::string& to) {
  const std::string padded = "/" + path;
  const std::size_t at = padded.find("/" + from + "/");
  if (at == std::string::npos) return path;
  return path.substr(0, at) + to + path.substr(at + from.size());
}

bool has_component(const std::string& path, const std::string& component) {
  return ("/" + path).find("/" + component + "/") != std::string::npos;
}

std::string kind_name(Kind kind) {
  return kind == Kind::forward ? "forward"
                               : (kind == Kind::gradient ? "gradient" : "zero gradient");
}

/// error / bound, where both may be 0.
double share(double error, double bound) { return error == 0 ? 0 : error / bound; }

}  // namespace

Parity::Parity(const GoldenFile& file) : file_(file), datasets_(file.datasets()) {}

void Parity::add(const std::string& name, Verdict verdict) {
  if (!verdicts_.emplace(name, std::move(verdict)).second)
    ADD_FAILURE() << file_.stem() << ": " << name << " is listed twice";
}

void Parity::compare(const std::string& name, const std::vector<double>& values, const Rows& rows,
                     Kind kind, double norm) {
  const bool single = has_component(name, "f32"), rounded = has_component(name, "f64_as_f32");
  const auto reference_of = [&](const std::string& dataset) {
    const Array array = file_.read(dataset);
    return array.values.size() == values.size() ? array.values : file_.read_rows(dataset, rows);
  };
  const std::vector<double> exact = reference_of(with_component(name, "f32", "f64"));
  Verdict verdict{.measure = (single ? "f32 " : "f64 ") + kind_name(kind)};
  if (max_abs(exact) == 0) {
    verdict.measure += ", all zero";
    verdict.error = max_difference(values, exact);
  } else if (single) {
    const double size = kind == Kind::zero_gradient ? norm : norm_of(exact);
    verdict.error = distance(values, exact) / size;
    const double own_error = distance(reference_of(name), exact) / size;
    if (exact.size() < short_array && kind != Kind::zero_gradient) {
      verdict.measure += ", short arrays";
      verdict.own_error = own_error;
    } else {
      verdict.bound = bound_of_single(own_error);
    }
  } else if (kind == Kind::zero_gradient) {
    verdict.error = distance(values, exact) / norm;
    verdict.bound = gradient_bound;
  } else {
    verdict.error = max_difference(values, exact) / max_abs(exact);
    verdict.bound = kind == Kind::forward ? forward_bound : gradient_bound;
    if (rounded) {
      verdict.bound += roundoff<float>;
      verdict.measure += ", stored in f32";
    }
  }
  add(name, verdict);
}

void Parity::compare_within(const std::string& name, const std::vector<double>& values,
                            double bound, const std::string& why) {
  const std::vector<double> exact = file_.read(with_component(name, "f32", "f64")).values;
  const double largest = max_abs(exact);
  add(name, {.measure = why,
             .error = max_difference(values, exact) / (largest > 0 ? largest : 1),
             .bound = bound});
}

void Parity::exclude(const std::string& prefix, const std::string& reason) {
  int found = 0;
  for (const std::string& name : datasets_)
    if (name.starts_with(prefix) && !verdicts_.contains(name)) {
      add(name, {.reason = reason});
      ++found;
    }
  if (found == 0) ADD_FAILURE() << file_.stem() << ": nothing to exclude starts with " << prefix;
}

void Parity::compare(const Recorder& recorder, const std::string& group,
                     const std::string& gradients, const Rows& rows) {
  const std::string mark = "d ";
  for (const auto& [name, values] : recorder.values()) {
    const std::size_t at = name.find(mark);
    const bool is_gradient = at != std::string::npos;
    std::string dataset = (is_gradient ? gradients : group) + name;
    if (is_gradient) dataset.erase(gradients.size() + at, mark.size());
    if (!file_.has(dataset)) continue;
    if (is_gradient && max_abs(file_.read(dataset).values) == 0 && max_abs(values) > 0)
      add(dataset,
          {.reason = "zeros: the reference kept a copy that its loss does not go through"});
    else
      compare(dataset, values, rows, is_gradient ? Kind::gradient : Kind::forward);
  }
}

void Parity::write_table() const {
  const auto folder = binary_dir() / "golden_parity";
  std::filesystem::create_directories(folder);
  std::ofstream table(folder / (file_.stem() + ".md"));
  struct Summary {
    int count = 0;
    double worst = 0;
    std::string where = "";
  };
  std::map<std::string, Summary> summaries;
  for (const auto& [name, verdict] : verdicts_) {
    const bool excluded = verdict.measure.empty();
    Summary& summary = summaries[excluded ? "excluded: " + verdict.reason : verdict.measure];
    ++summary.count;
    if (!excluded && share(verdict.error, verdict.bound) >= summary.worst) {
      summary.worst = share(verdict.error, verdict.bound);
      summary.where = name;
    }
  }
  table << "## " << file_.stem() << "\n\n| measure | datasets | largest error / bound | where |\n"
        << "|---|---|---|---|\n";
  for (const auto& [measure, summary] : summaries)
    table << (summary.where.empty() ? fmt::format("| {} | {} | | |\n", measure, summary.count)
                                    : fmt::format("| {} | {} | {:.2g} | {} |\n", measure,
                                                  summary.count, summary.worst, summary.where));
  table << "\n### Every dataset\n\n| dataset | measure | error | bound |\n|---|---|---|---|\n";
  for (const auto& [name, verdict] : verdicts_)
    table << (verdict.measure.empty()
                  ? fmt::format("| {} | excluded: {} | | |\n", name, verdict.reason)
                  : fmt::format("| {} | {} | {:.2e} | {:.2e} |\n", name, verdict.measure,
                                verdict.error, verdict.bound));
}

void Parity::judge_short_arrays() {
  struct Sum {
    double squares = 0;
    int count = 0;
  };
  const auto folder_of = [](const std::string& name) { return name.substr(0, name.rfind('/')); };
  std::map<std::string, Sum> sums;
  for (const auto& [name, verdict] : verdicts_) {
    if (verdict.own_error < 0) continue;
    Sum& sum = sums[folder_of(name)];
    sum.squares += verdict.own_error * verdict.own_error;
    ++sum.count;
  }
  for (auto& [name, verdict] : verdicts_) {
    if (verdict.own_error < 0) continue;
    const Sum& sum = sums.at(folder_of(name));
    verdict.bound = bound_of_single(std::sqrt(sum.squares / sum.count));
  }
}

void Parity::finish() {
  judge_short_arrays();
  for (const std::string& name : datasets_)
    if (!verdicts_.contains(name))
      ADD_FAILURE() << file_.stem() << ": " << name << " is neither compared nor excluded";
  for (const auto& [name, verdict] : verdicts_)
    EXPECT_LE(verdict.error, verdict.bound)
        << file_.stem() << ": " << name << " (" << verdict.measure << ")";
  write_table();
}

}  // namespace jespr::test
