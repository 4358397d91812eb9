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
constexpr double error_of_nil = 1;  // |0 - r| / |r|; of a wrong sign it is more
constexpr double forward_bound_bf16 = 1e-2;
constexpr double direction_bound_bf16 = 5e-4;  // of 1 - cos

constexpr double infinity = std::numeric_limits<double>::infinity();

double bound_of_single(double own_error) {
  return std::max(reference_factor * own_error, least_roundings * roundoff<float>);
}

/// Roundings of all maps, which are passed forward and back; and of the units of a ReLU, e / pi
/// have the wrong sign when their values are off by a share e: half of them bear the gradient.
double bf16_gradient_bound(const LongestWay& way) {
  constexpr double factor = 8, roundoff = 0x1p-8;  // as in `rounding`
  return factor * roundoff * std::sqrt(2.0 * way.maps) +
         std::sqrt(2.0 * way.relus * forward_bound_bf16 / M_PI);
}

double norm_of(const std::vector<double>& values) { return std::sqrt(dot(values, values)); }

double distance(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return infinity;
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::isnan(sum) ? infinity : std::sqrt(sum);
}

/// Largest difference, 0 between two numbers that are not finite in the same way.
double exact_difference(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return infinity;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double difference = std::abs(a[i] - b[i]);
    largest = std::max(largest, std::isnan(difference) ? infinity : difference);
  }
  return largest;
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
  switch (kind) {
    case Kind::forward:
      return "forward";
    case Kind::gradient:
      return "gradient";
    case Kind::tiny_gradient:
      return "tiny gradient";
    default:
      return "zero gradient";
  }
}

/// error / bound, where both may be 0.
double share(double error, double bound) { return error == 0 ? 0 : error / bound; }

/// "| measure | datasets |" of a line of a summary.
std::string counted(const std::string& line) {
  std::size_t end = 0;
  for (int bar = 0; bar < 3 && end != std::string::npos; ++bar) end = line.find('|', end) + 1;
  return line.substr(0, end);
}

/// The lines of the summary of `stem` on the page of the shipped files.
std::vector<std::string> documented_summary(const std::string& stem) {
  std::ifstream page(source_dir() / "doc/golden_parity.md");
  std::vector<std::string> lines;
  bool is_ours = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) is_ours = line == "## " + stem;
    const bool is_head = line.starts_with("| measure ") || line.starts_with("|---");
    if (is_ours && line.starts_with("|") && !is_head) lines.push_back(line);
  }
  return lines;
}

}  // namespace

Parity::Parity(const GoldenFile& file) : file_(file), datasets_(file.datasets()) {}

void Parity::add(const std::string& name, Verdict verdict) {
  if (!verdicts_.emplace(name, std::move(verdict)).second)
    ADD_FAILURE() << file_.stem() << ": " << name << " is listed twice";
}

void Parity::compare(const std::string& name, const std::vector<double>& values, const Rows& rows,
                     Kind kind, double norm, double floor) {
  const bool single = has_component(name, "f32"), rounded = has_component(name, "f64_as_f32");
  const bool coarse = has_component(name, "bf16");
  const auto reference_of = [&](const std::string& dataset) {
    const Array array = file_.read(dataset);
    return array.values.size() == values.size() ? array.values : file_.read_rows(dataset, rows);
  };
  const std::vector<double> exact = reference_of(this->exact(name));
  Verdict verdict{.measure = (single ? "f32 " : coarse ? "bf16 " : "f64 ") + kind_name(kind)};
  if (max_abs(exact) == 0) {
    verdict.measure += ", all zero";
    verdict.error = max_difference(values, exact);
  } else if (single) {
    const double size = kind == Kind::zero_gradient ? norm : norm_of(exact);
    verdict.error = distance(values, exact) / size;
    const double own_error = distance(reference_of(name), exact);
    if (values.size() == 1 && kind != Kind::tiny_gradient) verdict.own_error = own_error / size;
    verdict.bound = kind == Kind::tiny_gradient
                        ? std::min(bound_of_single(own_error / norm) * norm / size,
                                   std::nextafter(error_of_nil, 0))
                        : std::max(bound_of_single(own_error / size), floor);
  } else if (coarse) {
    const bool own_norm = kind == Kind::gradient || norm == 0;
    verdict.error = distance(values, exact) / (own_norm ? norm_of(exact) : norm);
    verdict.bound = kind == Kind::forward ? forward_bound_bf16 : bf16_gradient_bound(longest_way_);
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

bool Parity::has(const std::string& name) const {
  return file_.has(has_component(name, "bf16") ? exact(name) : name);
}

std::string Parity::exact(const std::string& name) const {
  if (!has_component(name, "bf16")) return with_component(name, "f32", "f64");
  const std::string full = with_component(name, "bf16", "f64");
  return file_.has(full) ? full : with_component(name, "bf16", "f64_as_f32");
}

void Parity::compare_directions(const std::string& name, const std::vector<double>& values) {
  const Array array = file_.read(exact(name));
  const std::size_t width = array.shape.at(1);
  double worst = array.values.size() == values.size() ? 0 : infinity;
  for (std::size_t b = 0; b < array.shape[0] && worst < infinity; ++b) {
    const auto row = [&](const std::vector<double>& all) {
      const auto begin = all.begin() + static_cast<std::ptrdiff_t>(b * width);
      return std::vector<double>(begin, begin + static_cast<std::ptrdiff_t>(width));
    };
    const std::vector<double> x = row(values), r = row(array.values);
    const double distance = 1 - dot(x, r) / (norm_of(x) * norm_of(r));
    worst = std::max(worst, std::isnan(distance) ? infinity : distance);
  }
  add(name + " (direction)",
      {.measure = "bf16 direction", .error = worst, .bound = direction_bound_bf16});
}

void Parity::compare_within(const std::string& name, const std::vector<double>& values,
                            double bound, const std::string& why) {
  const std::vector<double> exact = file_.read(this->exact(name)).values;
  add(name,
      {.measure = why, .error = max_difference(values, exact) / max_abs(exact), .bound = bound});
}

void Parity::compare_exactly(const std::string& name, const std::vector<double>& values,
                             const std::string& why) {
  const std::vector<double> exact = file_.read(this->exact(name)).values;
  add(name, {.measure = why, .error = exact_difference(values, exact), .bound = 0});
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

void Parity::compare_values(const Recorder& recorder, const std::string& group, const Rows& rows) {
  for (const auto& [name, values] : recorder.values())
    if (has(group + name)) compare(group + name, values, rows);
}

void Parity::compare_gradients(const Recorder& recorder, const std::string& group, const Rows& rows,
                               const std::function<bool(const std::string&)>& is_copy) {
  for (const auto& [name, values] : recorder.gradients()) {
    const std::string dataset = group + name;
    if (!has(dataset)) continue;
    if (is_copy(name) && max_abs(file_.read(exact(dataset)).values) == 0)
      add(dataset, {.reason = "zeros: a copy that the reference kept beside its loss's path"});
    else
      compare(dataset, values, rows, Kind::gradient);
  }
}

/// A number has one error, not the mean of many: of two independent ones of the same size the first
/// is more than ten times the second in (2 / pi) atan(1 / 10) = 6 % of all draws, which would fail
/// most sets by their dozens of losses and 1 x 1 gradients. So where a number breaks its own bound,
/// the root mean square over all single numbers of its measure in the file is held to the same
/// rule, ours and the reference's; the table says so. Two or more numbers are held to their own.
void Parity::pool_single_numbers() {
  struct Pool {
    double ours = 0, own = 0;  // sums of squares
    int count = 0;
  };
  std::map<std::string, Pool> pools;
  for (const auto& [name, verdict] : verdicts_)
    if (verdict.own_error >= 0) {
      Pool& pool = pools[verdict.measure];
      pool.ours += verdict.error * verdict.error;
      pool.own += verdict.own_error * verdict.own_error;
      ++pool.count;
    }
  for (auto& [name, verdict] : verdicts_) {
    if (verdict.own_error < 0 || verdict.error <= verdict.bound) continue;
    const Pool& pool = pools[verdict.measure];
    verdict.error = std::sqrt(pool.ours / pool.count);
    verdict.bound = bound_of_single(std::sqrt(pool.own / pool.count));
    verdict.pooled = true;
  }
}

std::vector<std::string> Parity::problems() const {
  std::vector<std::string> found;
  for (const std::string& name : datasets_)
    if (!verdicts_.contains(name))
      found.push_back(file_.stem() + ": " + name + " is neither compared nor excluded");
  for (const auto& [name, verdict] : verdicts_)
    if (!(verdict.error <= verdict.bound))
      found.push_back(fmt::format("{}: {} ({}): error {:.3e}, bound {:.3e}", file_.stem(), name,
                                  verdict.measure, verdict.error, verdict.bound));
  return found;
}

std::vector<std::string> Parity::summary() const {
  struct Sum {
    int count = 0;
    double worst = 0;
    std::string where = "";
  };
  std::map<std::string, Sum> sums;
  for (const auto& [name, verdict] : verdicts_) {
    const bool excluded = verdict.measure.empty();
    Sum& sum = sums[excluded ? "excluded: " + verdict.reason : verdict.measure];
    ++sum.count;
    if (!excluded && share(verdict.error, verdict.bound) >= sum.worst) {
      sum.worst = share(verdict.error, verdict.bound);
      sum.where = name;
    }
  }
  std::vector<std::string> lines;
  for (const auto& [measure, sum] : sums)
    lines.push_back(sum.where.empty() ? fmt::format("| {} | {} | | |", measure, sum.count)
                                      : fmt::format("| {} | {} | {:.2g} | {} |", measure, sum.count,
                                                    sum.worst, sum.where));
  return lines;
}

void Parity::write_table() const {
  const auto folder = binary_dir() / "golden_parity" / golden_set();
  std::filesystem::create_directories(folder);
  std::ofstream table(folder / (file_.stem() + ".md"));
  table << "## " << file_.stem() << "\n\n| measure | datasets | largest error / bound | where |\n"
        << "|---|---|---|---|\n";
  for (const std::string& line : summary()) table << line << "\n";
  table << "\n### Every dataset\n\n| dataset | measure | error | bound |\n|---|---|---|---|\n";
  for (const auto& [name, verdict] : verdicts_)
    table << (verdict.measure.empty()
                  ? fmt::format("| {} | excluded: {} | | |\n", name, verdict.reason)
                  : fmt::format("| {} | {}{} | {:.2e} | {:.2e} |\n", name, verdict.measure,
                                verdict.pooled ? ", single numbers together" : "", verdict.error,
                                verdict.bound));
}

void Parity::finish() {
  pool_single_numbers();
  for (const std::string& problem : problems()) ADD_FAILURE() << problem;
  write_table();
  if (!golden_set().empty()) return;
  std::vector<std::string> found, documented;
  for (const std::string& line : summary()) found.push_back(counted(line));
  for (const std::string& line : documented_summary(file_.stem()))
    documented.push_back(counted(line));
  EXPECT_EQ(found, documented)
      << "doc/golden_parity.md is stale; run: ctest -R golden, then utilities/golden_parity.sh";
}

}  // namespace jespr::test
