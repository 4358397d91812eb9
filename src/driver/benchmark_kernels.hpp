// Kernels by themselves, at the shapes of a training step.
#pragma once

#include <Kokkos_Core.hpp>
#include <vector>

#include "base/timer.hpp"
#include "driver/benchmark_report.hpp"
#include "model/joint_model.hpp"

namespace jespr {

/// Times the kernels that a step of this model spends time in, on arrays of its sizes.
template <class P>
std::vector<KernelTime> time_kernels(Context& context, const JointModel<P>& model,
                                     const data::ShardRows& shard, std::size_t parameters,
                                     const BenchmarkSettings& settings);

/// Attention over head widths 16 to 128 and lengths 16 to 1024, about 4096 rows of 512 channels.
template <class T>
std::vector<AttentionTime> time_attention(Context& context, const BenchmarkSettings& settings);

/// Runs `body` and waits for the device: warm-up calls first, then those that count.
template <class Body>
Spread time_calls(const BenchmarkSettings& settings, const Body& body) {
  std::vector<double> seconds;
  for (std::int64_t i = -settings.warmup; i < settings.repeats; ++i) {
    Kokkos::fence("benchmark");
    const Timer timer;
    body();
    Kokkos::fence("benchmark");
    if (i >= 0) seconds.push_back(timer.seconds());
  }
  return spread_of(seconds);
}

}  // namespace jespr
