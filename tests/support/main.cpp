// Main function of every GoogleTest executable: the program's own session around the tests, on any
// number of ranks. Rank 0 reports; the others print only their failures, with their rank. With
// --benchmark or any of Google Benchmark's options it measures instead (support/timing.hpp).
#include <benchmark/benchmark.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "backend/session.hpp"

namespace {

class FailuresOnly : public testing::EmptyTestEventListener {
 public:
  explicit FailuresOnly(int rank) : rank_(rank) {}

 private:
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (!result.failed()) return;
    const char* file = result.file_name() ? result.file_name() : "unknown file";
    std::fprintf(stderr, "rank %d: %s:%d: %s\n", rank_, file, result.line_number(),
                 result.message());
  }
  int rank_;
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (testing::GTEST_FLAG(list_tests)) return RUN_ALL_TESTS();
  const bool measures = std::any_of(argv + 1, argv + argc, [](std::string_view argument) {
    return argument.starts_with("--benchmark");
  });
  const jespr::Session session(argc, argv);
  if (measures) {
    benchmark::Initialize(&argc, argv);
    return benchmark::RunSpecifiedBenchmarks() > 0 ? 0 : 1;
  }
  if (const int rank = session.world().rank(); rank != 0) {
    testing::TestEventListeners& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailuresOnly(rank));
  }
  return RUN_ALL_TESTS();
}
