// Timing of kernels and layers, beside their tests and with the same fixtures: `--benchmark` makes
// a test executable measure instead of judge (doc/testing.md).
#pragma once

#include <benchmark/benchmark.h>

#include <Kokkos_Core.hpp>

namespace jespr::test {

/// What one call moves and computes; 0: not reported.
struct Amount {
  double bytes = 0, operations = 0;
};

/// Times `body`, the device's work included; reports GB/s and GFLOP/s.
template <class Body>
void measure(benchmark::State& state, const Amount& amount, const Body& body) {
  body();  // the first call allocates
  for ([[maybe_unused]] auto iteration : state) {
    body();
    Kokkos::fence("timing");
  }
  const auto rate = [&](const char* name, double each) {
    if (each > 0)
      state.counters[name] =
          benchmark::Counter(1e-9 * each, benchmark::Counter::kIsIterationInvariantRate);
  };
  rate("GB/s", amount.bytes);
  rate("GFLOP/s", amount.operations);
}

}  // namespace jespr::test

/// Registers `function` under a name for people; wall time, since the work is done by many threads.
#define JESPR_BENCHMARK(name, function)                            \
  [[maybe_unused]] benchmark::internal::Benchmark* function##_at = \
      benchmark::RegisterBenchmark(name, function)->UseRealTime()->Unit(benchmark::kMillisecond)
