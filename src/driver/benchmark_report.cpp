// Table and JSON of a benchmark.
#include "driver/benchmark_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "backend/build_info.hpp"
#include "base/timer.hpp"
#include "io/json.hpp"

namespace jespr {
namespace {

constexpr double giga = 1e-9, milli = 1e3;

double rate(double amount, double seconds) { return seconds > 0 ? amount / seconds : 0; }

/// A number, or a dash where there is none.
std::string cell(double value, int width, int digits) {
  return value > 0 ? fmt::format("{:>{}.{}f}", value, width, digits)
                   : fmt::format("{:>{}}", "-", width);
}

void add_products(std::vector<std::string>& lines, const BenchmarkResults& results) {
  if (results.products.empty()) return;
  lines.push_back("products, square                side     GFLOP/s");
  for (const ProductRate& p : results.products)
    lines.push_back(fmt::format("  {:<26} {:>7} {:>11.1f}", p.library + " " + p.precision, p.side,
                                p.rate * giga));
  lines.push_back("  in the step: " + results.products_by);
  lines.push_back("");
}

void add_parts(std::vector<std::string>& lines, const BenchmarkResults& results) {
  if (results.parts.empty()) return;
  lines.push_back(
      "part                          median ms     (least, most)  tokens/s   GFLOP/s  of rate  "
      "products: ms   GFLOP/s");
  for (const PartTime& p : results.parts) {
    const double t = p.seconds.median;
    lines.push_back(fmt::format(
        "  {:<27} {:>9.2f} {:>17} {:>9.0f} {} {} {} {}", p.name, t * milli,
        fmt::format("({:.2f}, {:.2f})", p.seconds.least * milli, p.seconds.most * milli),
        rate(results.work.sequence.residues, t), cell(rate(p.operations, t) * giga, 9, 1),
        p.operations > 0
            ? fmt::format("{:>6.1f} %", 100 * rate(rate(p.operations, t), results.rate))
            : fmt::format("{:>8}", "-"),
        cell(p.product_seconds * milli, 13, 2),
        cell(rate(p.product_operations, p.product_seconds) * giga, 9, 1)));
  }
  lines.push_back(
      "  GFLOP/s: operations of the published formulation; products: the matrix products that ran, "
      "by themselves");
  lines.push_back(fmt::format("  rate: {:.1f} GFLOP/s, the best of all products measured",
                              results.rate * giga));
}

void add_loops(std::vector<std::string>& lines, const BenchmarkResults& results) {
  if (results.step_loops.empty()) return;
  double all = 0, product_seconds = 0;
  for (const KernelTime& k : results.step_loops) all += k.seconds;
  for (const PartTime& p : results.parts)
    if (p.name == "step") product_seconds = p.library_seconds;
  const double total = all + product_seconds;
  lines.push_back("");
  lines.push_back("a step by its loops                          ms    share     calls");
  lines.push_back(fmt::format("  {:<38} {:>8.2f} {:>6.1f} %", "matrix products by the library",
                              product_seconds * milli, 100 * rate(product_seconds, total)));
  constexpr double worth_a_line = 0.003;
  for (const KernelTime& k : results.step_loops)
    if (k.seconds > worth_a_line * total)
      lines.push_back(fmt::format("  {:<38} {:>8.2f} {:>6.1f} % {:>8}", k.name, k.seconds * milli,
                                  100 * rate(k.seconds, total), k.calls));
}

void add_kernels(std::vector<std::string>& lines, const BenchmarkResults& results) {
  if (results.kernels.empty()) return;
  lines.push_back("");
  lines.push_back("kernel, alone at a step's shapes       us      GB/s   GFLOP/s");
  for (const KernelTime& k : results.kernels)
    lines.push_back(fmt::format("  {:<34} {:>9.1f} {} {}", k.name, k.seconds * 1e6,
                                cell(rate(k.bytes, k.seconds) * giga, 9, 1),
                                cell(rate(k.operations, k.seconds) * giga, 9, 1)));
}

void add_attention(std::vector<std::string>& lines, const BenchmarkResults& results) {
  if (results.attention.empty()) return;
  lines.push_back("");
  lines.push_back("attention, GFLOP/s by head width and length");
  std::string forward, backward, header = fmt::format("  {:<20}", "length");
  int width = 0;
  const auto flush = [&] {
    if (width == 0) return;
    lines.push_back(fmt::format("  {:>3} forward         {}", width, forward));
    lines.push_back(fmt::format("  {:>3} backward        {}", width, backward));
    forward.clear();
    backward.clear();
  };
  for (const AttentionTime& a : results.attention)
    if (a.head_width == results.attention.front().head_width)
      header += fmt::format("{:>8}", a.length);
  lines.push_back(header);
  for (const AttentionTime& a : results.attention) {
    if (a.head_width != width) {
      flush();
      width = a.head_width;
    }
    forward += fmt::format("{:>8.1f}", rate(a.forward_operations(), a.forward) * giga);
    backward += fmt::format("{:>8.1f}", rate(a.backward_operations(), a.backward) * giga);
  }
  flush();
}

void add_kernel(io::JsonText& json, const KernelTime& k) {
  json.begin_object();
  json.key("name").value(k.name);
  json.key("seconds").value(k.seconds);
  json.key("calls").value(static_cast<std::int64_t>(k.calls));
  json.key("bytes").value(k.bytes).key("operations").value(k.operations);
  json.key("gigabytes_per_second").value(rate(k.bytes, k.seconds) * giga);
  json.key("gflops").value(rate(k.operations, k.seconds) * giga);
  json.end_object();
}

void add_model(io::JsonText& json, const ModelSettings& model) {
  const auto& q = model.sequence;
  json.key("sequence").begin_object();
  json.key("layers").value(q.layers).key("width").value(q.width).key("heads").value(q.heads);
  json.end_object();
  const auto& t = model.structure;
  json.key("structure").begin_object();
  json.key("node_scalars").value(t.node_scalars).key("node_vectors").value(t.node_vectors);
  json.key("edge_scalars").value(t.edge_scalars).key("edge_vectors").value(t.edge_vectors);
  json.key("graph_layers").value(t.graph_layers).key("neighbours").value(t.neighbours);
  json.key("layers").value(t.layers).key("width").value(t.width).key("heads").value(t.heads);
  json.key("feed_forward").value(t.feed_forward).key("mode").value(t.mode);
  json.key("dropout").value(t.dropout);
  json.end_object();
  json.key("joint").begin_object().key("width").value(model.joint.width).end_object();
}

}  // namespace

Spread spread_of(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  const std::size_t n = seconds.size();
  const double median = n % 2 == 1 ? seconds[n / 2] : (seconds[n / 2 - 1] + seconds[n / 2]) / 2;
  return {median, seconds.front(), seconds.back()};
}

std::vector<std::string> benchmark_table(const BenchmarkResults& results) {
  std::vector<std::string> lines;
  add_products(lines, results);
  add_parts(lines, results);
  add_loops(lines, results);
  add_kernels(lines, results);
  add_attention(lines, results);
  lines.push_back("");
  lines.push_back("memory   " + format_bytes(results.memory_bytes) + " resident on this rank");
  return lines;
}

std::string benchmark_json(const Settings& settings, const BenchmarkResults& results) {
  io::JsonText json;
  json.begin_object();
  json.key("program").value("JESPR " + build_info().version);
  json.key("git").value(build_info().git);
  json.key("host").value(host_name()).key("time").value(time_stamp());
  json.key("ranks").value(results.ranks).key("threads").value(results.threads);
  json.key("precision").value(settings.run.precision);
  json.key("dataset").value(settings.data.dataset);
  json.key("chains").begin_array();
  for (const std::string& name : results.chains) json.value(name);
  json.end_array();
  const ShardWork& work = results.work;
  json.key("residues").value(work.sequence.residues).key("edges").value(work.edges);
  json.key("sequence_pairs").value(work.sequence.pairs);
  json.key("structure_residues").value(work.structure.residues);
  json.key("structure_pairs").value(work.structure.pairs);
  add_model(json, settings.model);
  json.key("products_by").value(results.products_by);
  json.key("products").begin_array();
  for (const ProductRate& p : results.products) {
    json.begin_object();
    json.key("library").value(p.library).key("precision").value(p.precision);
    json.key("m").value(p.side).key("n").value(p.side).key("k").value(p.side);
    json.key("gflops").value(p.rate * giga);
    json.end_object();
  }
  json.end_array();
  json.key("rate").begin_object();
  json.key(settings.run.precision).value(results.rate * giga);
  json.end_object();
  json.key("parts").begin_array();
  for (const PartTime& p : results.parts) {
    json.begin_object();
    json.key("name").value(p.name).key("precision").value(settings.run.precision);
    json.key("seconds").begin_object();
    json.key("median").value(p.seconds.median).key("least").value(p.seconds.least);
    json.key("most").value(p.seconds.most).end_object();
    json.key("repeats").value(settings.benchmark.repeats);
    json.key("operations").value(p.operations);
    json.key("gflops").value(rate(p.operations, p.seconds.median) * giga);
    json.key("fraction").value(rate(rate(p.operations, p.seconds.median), results.rate));
    json.key("tokens_per_second").value(rate(results.work.sequence.residues, p.seconds.median));
    json.key("product_operations").value(p.product_operations);
    json.key("product_bytes").value(p.product_bytes);
    json.key("product_seconds").value(p.product_seconds);
    json.key("library_seconds").value(p.library_seconds);
    json.end_object();
  }
  json.end_array();
  for (const auto& [name, kernels] :
       {std::pair("step_loops", &results.step_loops), std::pair("kernels", &results.kernels)}) {
    json.key(name).begin_array();
    for (const KernelTime& k : *kernels) add_kernel(json, k);
    json.end_array();
  }
  json.key("attention").begin_array();
  for (const AttentionTime& a : results.attention) {
    json.begin_object();
    json.key("head_width").value(a.head_width).key("length").value(a.length);
    json.key("heads").value(a.heads).key("proteins").value(a.proteins);
    json.key("forward").value(a.forward).key("backward").value(a.backward);
    json.end_object();
  }
  json.end_array();
  json.key("resident_bytes").value(results.memory_bytes);
  json.end_object();
  return json.text();
}

}  // namespace jespr
