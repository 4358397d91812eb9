// What a benchmark leaves behind: a table for the log, and benchmark.json for programs.
#pragma once

#include <string>
#include <vector>

#include "driver/settings.hpp"

namespace jespr {

/// Seconds of the calls that counted.
struct Spread {
  double median = 0, least = 0, most = 0;
};
Spread spread_of(std::vector<double> seconds);

/// A square product.
struct ProductRate {
  std::string library, precision;
  int side = 0;
  double rate = 0;  // operations per second
};

/// One part of a training step, on all ranks together.
struct PartTime {
  std::string name;
  Spread seconds;
  double operations = 0;          // of the published formulation; 0: not counted in operations
  double product_operations = 0;  // of the matrix products that really ran
  double product_bytes = 0;       // of their operands and results, each moved once
  double product_seconds = 0;     // of these products alone, by the library, one after the other
  double library_seconds = 0;     // of those which no loop of ours contains
};

/// A parallel loop, in a step or by itself.
struct KernelTime {
  std::string name;
  double seconds = 0;  // per call (by itself) or of all calls (in a step)
  long calls = 1;
  double bytes = 0;       // per call, each array moved once; 0: not known
  double operations = 0;  // per call, as the formula is written, a function counted as ten
};

/// Attention of proteins of one length with heads of one width; seconds.
struct AttentionTime {
  int head_width = 0, length = 0, heads = 0, proteins = 0;
  double forward = 0, backward = 0;

  double operations_of_product() const {
    return 2.0 * proteins * heads * head_width * length * length;
  }
  double forward_operations() const { return 2 * operations_of_product(); }
  double backward_operations() const { return 5 * operations_of_product(); }
};

struct BenchmarkResults {
  std::vector<std::string> chains;
  ShardWork work;  // of one forward pass
  int ranks = 1, threads = 1;
  std::string products_by;  // what multiplies in the step: Products::describe
  std::vector<ProductRate> products;
  double rate = 0;  // best measured of the deck's precision, all ranks together
  std::vector<PartTime> parts;
  std::vector<KernelTime> step_loops;  // where a step's time goes; slowest first
  std::vector<KernelTime> kernels;     // by themselves, at the step's shapes
  std::vector<AttentionTime> attention;
  double memory_bytes = 0;  // resident, of a rank
};

/// Lines for the log.
std::vector<std::string> benchmark_table(const BenchmarkResults& results);

/// The text of benchmark.json.
std::string benchmark_json(const Settings& settings, const BenchmarkResults& results);

}  // namespace jespr
