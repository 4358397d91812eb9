// Declaration of group &benchmark.
#include "driver/benchmark_settings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace jespr {

void declare(deck::Schema& schema, BenchmarkSettings& s) {
  const std::vector<std::string> known = BenchmarkSettings().parts;
  auto& group = schema.group("benchmark", "how fast products, kernels, encoders and a step are");
  group.only_for({"benchmark"});
  group.texts("parts", s.parts,
              "what to measure, of: " + fmt::format("{}", fmt::join(known, ", ")));
  group.check("parts", [&s, known]() -> std::string {
    for (const std::string& part : s.parts)
      if (std::find(known.begin(), known.end(), part) == known.end())
        return fmt::format("'{}' is none of: {}", part, fmt::join(known, ", "));
    return "";
  });
  group.integer("warmup", s.warmup, {.min = 0, .max = 1000}, "calls before those that count");
  group.integer("repeats", s.repeats, {.min = 1, .max = 100000},
                "calls that count: the median is reported, with the least and the most");
  group.integer("largest_product", s.largest_product, {.min = 256, .max = 1 << 15},
                "square products of side 256, 512, ... up to this are measured");
  group.path("output", s.output,
             "folder of benchmark.json and log.txt; none given: run/<name> beside the deck");
  group.logical("overwrite", s.overwrite,
                "replace results of that name; otherwise they are kept and the task is refused");
}

bool BenchmarkSettings::measures(const std::string& part) const {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

}  // namespace jespr
